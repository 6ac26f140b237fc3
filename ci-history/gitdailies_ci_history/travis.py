"""Reads the past builds of Travis, as the step would have reported them.

Source: Travis' API v3 reference, "Build", "Stage" and "Commit".
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import readable_time, value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import STEP_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.travis import TRAVIS
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, newest_first, rows_of
from gitdailies_core.sources.protocol import Ignored

PASSED = "passed"


def finished_at(build: Row) -> datetime | None:
    """Return when the last run of a build finished, or None if it has not finished."""
    return Fields(build, "build").optional_time("finished_at")


def tag_of(build: Row) -> str:
    """Return the name of a build's tag, or ""."""
    # The reference says text. The API sends an object with a name.
    tag = build.get("tag")
    return str((tag.get("name") if isinstance(tag, dict) else tag) or "")


def of_build(repo: str, build: Row, stage: str | None, inputs: Inputs) -> PastMessages:
    """Yield the deploy of a build or of its stage named *stage*, if that passed; else why there is none."""
    fields = Fields(build, "build")
    if fields.text("event_type") == "pull_request":
        yield Ignored("a build of a pull request, which Travis does not deploy")
        return
    over = fields
    if stage is not None:
        named = [one for one in fields.objects("stages") if one.optional_text("name") == stage]
        if not named:
            yield Ignored(f"a build without a stage {stage!a}")
            return
        over = named[0]
    sha, state = fields.object("commit").text("sha"), over.text("state")
    environ = {
        "TRAVIS_BUILD_ID": str(fields.raw("id")),
        "TRAVIS_REPO_SLUG": repo,
        "TRAVIS_COMMIT": sha,
        "TRAVIS_BRANCH": value_at(build, "branch.name"),
        "TRAVIS_TAG": tag_of(build),
        "TRAVIS_TEST_RESULT": state,
        "TRAVIS_COMMIT_MESSAGE": value_at(build, "commit.message"),
    }
    git = GitFacts(sha.lower(), commit_time=readable_time(value_at(build, "commit.committed_at")))
    ended = over.time("finished_at") if state == PASSED else None
    yield from deploys(TRAVIS, environ, inputs, git=git, at=ended)


PAGE = 100
ONLY = "only"


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the builds that finished in *window*."""
    tags, stage = "tags" in parameters, parameters.get("stage")
    if tags and (parameters["tags"] != ONLY or "branch" in parameters):
        raise UsageError(f"--with: expected tags={ONLY} without a branch, got another value")
    repo = inputs.repos[0].path
    path = f"/repo/{quote(repo, safe='')}"
    query = [("event_type", "push,api,cron"), ("sort_by", "finished_at:desc")]
    if not tags:
        branch = parameters.get("branch")
        if not branch:
            branch = Fields(pages.get(path), "repository").object("default_branch").text("name")
        query.append(("branch.name", branch))
    if stage is None:
        query.append(("state", PASSED))
    for build in newest_first(_listed(pages, f"{path}/builds", query), window, finished_at):
        # The build of a tag has the tag's name as its branch.
        if bool(tag_of(build)) == tags:
            yield of_build(repo, build, stage, inputs)


def _listed(pages: Pages, path: str, query: Sequence[tuple[str, str]]) -> Iterator[list[Row]]:
    offset = 0
    while True:
        page = pages.get(path, [*query, ("limit", str(PAGE)), ("offset", str(offset))])
        rows = rows_of(page, "builds", path)
        yield rows
        offset += len(rows)
        if not rows or Fields(page).object("@pagination").raw("is_last") is True:
            return


reader = DeployReader(
    name="travis",
    url="https://api.travis-ci.com",
    token_env="TRAVIS_TOKEN",  # noqa: S106  a name, not a token
    parameters={
        "repo": "the repository, as owner/name",
        "branch?": "the branch whose builds deploy; else the default branch",
        "tags?": f"{ONLY}: builds of tags deploy, those of branches do not",
        "stage?": "the stage that deploys; else each build that passed is a deploy",
        "environment?": "as the step's input",
        **STEP_PARAMETERS,
    },
    deploys=_deploys,
    headers=lambda token: {
        "Authorization": f"token {token.reveal()}",
        "Travis-API-Version": "3",
        "Accept": "application/json",
    },
)
