"""Reads Travis' past, page by page; found by entry point in the group `gitdailies.history`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote

from gitdailies_core.ci.past import STEP_PARAMETERS, inputs_of
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import (
    Pages,
    PastMessage,
    Row,
    Window,
    ignore_unreadable,
    newest_first,
    rows_of,
)
from gitdailies_core.values.secret import Secret

from gitdailies_travis import past

PAGE = 100
ONLY = "only"


class Reader:
    """The reader `travis`: the builds of a repository that deployed."""

    name = "travis"
    url = "https://api.travis-ci.com"
    token_env = "TRAVIS_TOKEN"  # noqa: S105  a name, not a token
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "repo": "the repository, as owner/name",
            "branch?": "the branch whose builds deploy; else the default branch",
            "tags?": f"{ONLY}: builds of tags deploy, those of branches do not",
            "stage?": "the stage that deploys; else each build that passed is a deploy",
            "environment?": "as the step's input",
            **STEP_PARAMETERS,
        }
    )

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {
            "Authorization": f"token {token.reveal()}",
            "Travis-API-Version": "3",
            "Accept": "application/json",
        }

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the deploys of the builds that finished in *window*.

        Raises UsageError for a wrong parameter.
        """
        inputs = inputs_of(parameters)
        tags, stage = "tags" in parameters, parameters.get("stage")
        if tags and (parameters["tags"] != ONLY or "branch" in parameters):
            raise UsageError(f"--with: expected tags={ONLY} without a branch, got another value")
        repo = inputs.repos[0].path
        path = f"/repo/{quote(repo, safe='')}"
        query = [("event_type", "push,api,cron"), ("sort_by", "finished_at:desc")]
        if not tags:
            branch = parameters.get("branch")
            query.append(("branch.name", branch or _default_branch(Fields(pages.get(path), "repository"))))
        if stage is None:
            query.append(("state", past.PASSED))
        for build in newest_first(_listed(pages, f"{path}/builds", query), window, past.finished_at):
            # The build of a tag has the tag's name as its branch.
            if bool(past.tag_of(build)) == tags:
                yield from ignore_unreadable(past.of_build(repo, build, stage, inputs))


def _default_branch(repository: Fields) -> str:
    return repository.object("default_branch").text("name")


def _listed(pages: Pages, path: str, query: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
    offset = 0
    while True:
        page = pages.get(path, [*query, ("limit", str(PAGE)), ("offset", str(offset))])
        rows = rows_of(page, "builds", path)
        yield rows
        offset += len(rows)
        if not rows or Fields(page).object("@pagination").raw("is_last") is True:
            return


reader = Reader()
