"""Reads the past runs of Azure Pipelines, as the step would have reported them.

Sources: Azure DevOps' REST API reference, "Builds", "Timeline" and "Definitions".
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from gitdailies_core.ci.job.facts import value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import INPUT_PARAMETERS, DeployReader, PastRecords, authorization, deploys
from gitdailies_core.ci.platforms.azure import AZURE
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, rows_of
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.times import text_of

PAGE = 100
_VERSION = ("api-version", "6.0")


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the stages that ended in *window*."""
    owner, number, stage = parameters["organization"], parameters["pipeline"], parameters.get("stage")
    path = f"/{quote(owner, safe='')}/{quote(parameters['project'], safe='')}/_apis/build"
    definition = Fields(pages.get(f"{path}/definitions/{quote(number, safe='')}", [_VERSION]), "pipeline")
    known = {"collection": f"{pages.url}/{owner}/", "repository": definition.raw("repository")}
    query = [_VERSION, ("definitions", number)]
    if "branch" in parameters:
        query.append(("branchName", f"refs/heads/{parameters['branch']}"))
    for build in _builds(pages, f"{path}/builds", query, window):
        timeline = f"{path}/builds/{Fields(build, 'run').text('id')}/timeline"
        for attempt in _attempts(pages, timeline, stage):
            if isinstance(attempt, Ignored):
                yield iter((attempt,))
            elif window.contains(Fields(attempt, "stage").time("finishTime")):
                yield _of_stage(build, attempt, known, inputs)


def _builds(pages: Pages, path: str, query: list[tuple[str, str]], window: Window) -> Iterator[Row]:
    """Yield the runs that ended after the window began, and those that still run.

    Only a header names the next page of a listing. So the next one begins at the end of its last run.
    """
    size, since, seen = ("$top", str(PAGE)), window.since, set[str]()
    more = True
    while more:
        ended = [("statusFilter", "completed"), ("queryOrder", "finishTimeAscending")]
        rows = rows_of(pages.get(path, [*query, *ended, ("minTime", text_of(since)), size]), "value", path)
        new = [row for row in rows if str(row.get("id")) not in seen]
        yield from (row for row in new if Fields(row, "run").time("queueTime") < window.until)
        seen.update(str(row.get("id")) for row in new)
        more = len(rows) == PAGE and bool(new)
        since = Fields(rows[-1], "run").time("finishTime") if more else since
    yield from rows_of(pages.get(path, [*query, ("statusFilter", "inProgress"), size]), "value", path)


def _attempts(pages: Pages, path: str, name: str | None) -> Iterator[Row | Ignored]:
    """Yield each attempt of a stage that has ended: of that with the name, or of the only one."""
    stages = _stages(pages, path)
    named = [row for row in stages if name in (None, row.get("identifier"), row.get("name"))]
    if len(named) != 1:
        expected = f"a stage {name!a}" if name else "a single stage; name the one that deploys with stage"
        yield Ignored(f"a run without {expected}")
        return
    earlier = [one.text("timelineId") for one in Fields(named[0], "stage").objects("previousAttempts")]
    rows = [row for timeline in earlier for row in _stages(pages, f"{path}/{quote(timeline, safe='')}")]
    same = [row for row in rows if row.get("identifier") == named[0].get("identifier")]
    yield from (row for row in (*named, *same) if row.get("finishTime"))


def _stages(pages: Pages, path: str) -> list[Row]:
    return [
        row for row in rows_of(pages.get(path, [_VERSION]), "records", path) if row.get("type") == "Stage"
    ]


def _of_stage(build: Row, stage: Row, known: Row, inputs: Inputs) -> PastMessages:
    """Yield the deploy of an attempt of a stage, or why there is none. *known* is the same for all runs."""
    fields, attempt = Fields(build, "run"), Fields(stage, "stage")
    reason, repository = fields.text("reason"), fields.object("repository")
    if reason == "pullRequest":
        yield Ignored("a run of a pull request; the listing does not name its branch's commit")
        return
    # Some runs name only the id of their repository.
    own = value_at(known, "repository.id") == repository.text("id")
    of = known["repository"] if own else build["repository"]
    environ = {
        "SYSTEM_COLLECTIONURI": value_at(known, "collection"),
        "SYSTEM_TEAMPROJECT": value_at(build, "project.name"),
        "SYSTEM_STAGEATTEMPT": attempt.optional_text("attempt"),
        "BUILD_BUILDID": fields.text("id"),
        "BUILD_REASON": reason[:1].upper() + reason[1:],
        "BUILD_SOURCEVERSION": value_at(build, "sourceVersion"),
        "BUILD_SOURCEBRANCH": value_at(build, "sourceBranch"),
        "BUILD_REPOSITORY_PROVIDER": value_at(of, "type"),
        "BUILD_REPOSITORY_NAME": value_at(of, "name id"),
        "BUILD_REPOSITORY_URI": value_at(of, "url"),
        "AGENT_JOBSTATUS": attempt.optional_text("result"),
    }
    yield from deploys(AZURE, environ, inputs, at=attempt.time("finishTime"))


reader = DeployReader(
    name="azure",
    url="https://dev.azure.com",
    token_env="AZURE_DEVOPS_EXT_PAT",  # noqa: S106  a name, not a token
    parameters={
        "organization": "the organization, or the collection of a server",
        "project": "the project",
        "pipeline": "the number of the pipeline, `definitionId` in its address",
        "stage?": "the stage that deploys; else the only one",
        "branch?": "only runs of this branch",
        **INPUT_PARAMETERS,
    },
    deploys=_deploys,
    # A personal access token is the password of a user without a name. A token of Entra has dots.
    headers=lambda token: authorization(token, "" if "." in token.reveal() else ":"),
)
