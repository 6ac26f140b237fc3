"""Reads Jenkins' past builds, as the line would have reported them.

Sources: a server's own page /api, the fields of the git plugin's `BuildData`, and the README of the plugin
"Pipeline: REST API" for stages. Parameters of builds are not asked for, because they may hold secrets.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from urllib.parse import quote

from gitdailies_core.ci.job.facts import repo_of, value_at
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.past import INPUT_PARAMETERS, DeployReader, PastRecords, deploys
from gitdailies_core.ci.platforms.jenkins import JENKINS
from gitdailies_core.sources.fields import Fields
from gitdailies_core.sources.history import Pages, PastMessages, Row, Window, newest_first, rows_of, time_of
from gitdailies_core.sources.protocol import Ignored

PAGE = 100
SUCCESS = "SUCCESS"
_CHECKOUT = "actions[lastBuiltRevision[SHA1,branch[name]],remoteUrls]"
_TREE = f"fullName,allBuilds[number,url,timestamp,duration,result,{_CHECKOUT}]"


def _deploys(pages: Pages, window: Window, parameters: Mapping[str, str], inputs: Inputs) -> PastRecords:
    """Yield the deploys of the builds that began in *window*."""
    stage = parameters.get("stage")
    path = "".join(f"/job/{quote(part, safe='')}" for part in parameters["job"].split("/"))
    for build in newest_first(_listed(pages, path), window, time_of("build", "timestamp")):
        over: Row | None = build
        if stage is not None:
            described = f"{path}/{Fields(build, 'build').text('number')}/wfapi/describe"
            over = _stage(rows_of(pages.get(described), "stages", described), stage)
        yield _of_build(build, over, inputs)


def _listed(pages: Pages, path: str) -> Iterator[list[Row]]:
    """Yield pages of builds, newest first, each with the full name of its job."""
    for begin in count(0, PAGE):
        tree = f"{_TREE}{{{begin},{begin + PAGE}}}"
        page = Fields(pages.get(f"{path}/api/json", [("tree", tree)]))
        rows = rows_of(page.raw("allBuilds"), "", path)
        if not rows:
            return
        yield [{**row, "job": page.text("fullName")} for row in rows]


def _stage(stages: list[Row], name: str) -> Row | None:
    """Return the stage *name* with the names of a build's fields, or None if there is none."""
    names = {"result": "status", "timestamp": "startTimeMillis", "duration": "durationMillis"}
    named = (row for row in stages if row.get("name") == name)
    return next(({ours: row.get(theirs) for ours, theirs in names.items()} for row in named), None)


def _of_build(build: Row, over: Row | None, inputs: Inputs) -> PastMessages:
    """Yield the deploy of a build, if *over*, the build or its stage, succeeded; else why there is none."""
    if over is None or over.get("result") != SUCCESS:
        result = "it has no such stage" if over is None else value_at(over, "result") or "it has not ended"
        yield Ignored(f"a build that did not succeed ({result})")
        return
    fields, found = Fields(build, "build"), _checkouts(build, inputs)
    if len(found) != 1:
        what = "several checkouts; name the deployed repository with repo" if found else "no checkout of git"
        yield Ignored(f"a build with {what}")
        return
    [(address, sha, branch)] = found
    # The job of a pull request is named after its number. Its branch is not known.
    pull = branch[3:] if branch.startswith(("PR-", "MR-")) else None
    environ = {
        "BUILD_TAG": f"jenkins-{fields.text('job').replace('/', '-')}-{fields.text('number')}",
        "BUILD_URL": value_at(build, "url"),
        "GIT_URL": address,
        "GIT_COMMIT": sha,
        "GIT_BRANCH": None if pull else branch,
        "CHANGE_ID": pull,
    }
    parts = [over.get(name) for name in ("timestamp", "duration")]
    ended = sum(part for part in parts if type(part) is int) if None not in parts else None
    yield from deploys(JENKINS, environ, inputs, at=Fields({"end": ended}, "build").time("end"))


def _checkouts(build: Row, inputs: Inputs) -> set[tuple[str, str, str]]:
    """Return address, commit and branch of each checkout: of the repository in *inputs*, if one is of it.

    A shared library is a checkout, too.
    """
    found = set()
    for action in Fields(build, "build").objects("actions"):
        revision, addresses = action.optional_object("lastBuiltRevision"), action.raw("remoteUrls")
        if revision and isinstance(addresses, list) and addresses:
            branches = [one.optional_text("name") for one in revision.objects("branch")]
            found.add((str(addresses[0]), revision.text("SHA1"), (branches or [""])[0] or ""))
    own = {
        one for one in found for repo in inputs.repos if (repo_of(one[0]) or "").lower() == repo.path.lower()
    }
    return own or found


reader = DeployReader(
    name="jenkins",
    # Each customer has an own server.
    url="",
    token_env="JENKINS_API_TOKEN",  # noqa: S106  a name, not a token
    parameters={
        "job": "the job with its folders, as larkspur/checkout-api/main",
        "stage?": "the stage that deploys; else each build that succeeded is a deploy",
        **INPUT_PARAMETERS,
    },
    deploys=_deploys,
)
