"""Reads CircleCI's past, page by page; found by entry point in the group `gitdailies.history`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
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

from gitdailies_circleci import past

OWN = "own"


class Reader:
    """The reader `circleci`: the jobs of a project that deployed."""

    name = "circleci"
    url = "https://circleci.com/api/v2"
    token_env = "CIRCLE_TOKEN"  # noqa: S105  a name, not a token
    parameters: Mapping[str, str] = MappingProxyType(
        {
            "project": "the project, as gh/owner/name",
            "job": "the name of the job that deploys",
            "workflow?": "only jobs of the workflow of this name",
            "branch?": "only pipelines of this branch",
            "repo?": "as the step's input",
            "environment?": "as the step's input",
            **STEP_PARAMETERS,
            "reruns?": f"{OWN}: a workflow run again as a whole is a deploy of its own",
        }
    )

    def headers(self, token: Secret) -> Mapping[str, str]:
        return {"Circle-Token": token.reveal(), "Accept": "application/json"}

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> Iterator[PastMessage]:
        """Yield the deploys of the pipelines that were created in *window*.

        Raises UsageError for a wrong parameter.
        """
        inputs = inputs_of(parameters)
        if parameters.get("reruns", OWN) != OWN:
            raise UsageError(f"--with: expected reruns={OWN}, got {parameters['reruns']!a}")
        query = [("branch", parameters["branch"])] if "branch" in parameters else []
        listed = _listed(pages, f"/project/{quote(parameters['project'])}/pipeline", query)
        for pipeline in newest_first(listed, window, _created_at):
            runs = list(_runs(pages, Fields(pipeline, "pipeline").text("id"), parameters.get("workflow")))
            found = past.of_pipeline(
                pipeline,
                runs,
                parameters["job"],
                inputs,
                web=pages.url.removesuffix("/api/v2"),
                own_reruns="reruns" in parameters,
            )
            yield from ignore_unreadable(found)


def _created_at(pipeline: Row) -> datetime:
    return Fields(pipeline, "pipeline").time("created_at")


def _runs(pages: Pages, pipeline: str, name: str | None) -> Iterator[past.Run]:
    for rows in _listed(pages, f"/pipeline/{quote(pipeline, safe='')}/workflow"):
        for workflow in rows:
            if name in (None, workflow.get("name")):
                path = f"/workflow/{quote(str(workflow.get('id')), safe='')}/job"
                yield past.Run(workflow, [job for jobs in _listed(pages, path) for job in jobs])


def _listed(pages: Pages, path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[list[Row]]:
    """Yield pages of rows. Each page names the next one."""
    token: str | None = ""
    while token is not None:
        page = Fields(pages.get(path, [*query, *([("page-token", token)] if token else [])]))
        yield rows_of(page.raw("items"), "", path)
        token = page.optional_text("next_page_token")


reader = Reader()
