"""CircleCI's past, read from a server that listens, against what the orb would have reported.

Shapes are those of CircleCI's API v2 reference; every value is invented.
"""

from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms.circleci import CIRCLECI
from gitdailies_core.errors import PayloadError
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Direct, Past, by_id, later, moment, reported, sha

PROJECT, REPO = "gh/larkspur/checkout-api", "larkspur/checkout-api"
PAGE = 20
GIVEN = {"project": PROJECT, "job": "deploy", "environment": "production", "service": "api"}


def pipeline(number: int) -> dict[str, Any]:
    """Most are of the main branch; some of a tag, some of a fork, some of the GitHub App."""
    made: dict[str, Any] = {
        "id": f"p-{number}",
        "number": number,
        "created_at": later(moment(number), milliseconds=412),
    }
    if number % 20 == 5:
        git = {
            "branch": "main",
            "checkout_url": f"https://github.com/{REPO}.git",
            "checkout_sha": sha(number),
        }
        return {**made, "trigger_parameters": {"git": git}}
    address = f"https://github.com/{REPO}"
    vcs = {
        "target_repository_url": address,
        "origin_repository_url": address,
        "revision": sha(number),
        "branch": "main",
    }
    if number % 20 == 7:
        del vcs["branch"]
        vcs["tag"] = "v1.4.2"
    if number % 100 == 9:
        vcs["branch"] = "pull/7"
    if number % 100 == 59:
        vcs["origin_repository_url"] = "https://github.com/fork/checkout-api"
    return {**made, "vcs": vcs}


def workflow(number: int, again: int = 0, name: str = "release") -> dict[str, Any]:
    return {
        "id": f"w-{number}-{name}-{again}",
        "name": name,
        "pipeline_id": f"p-{number}",
        "pipeline_number": number,
        "project_slug": PROJECT,
        "status": "success",
        "created_at": later(moment(number), minutes=2 + 60 * again),
        "stopped_at": later(moment(number), minutes=30 + 60 * again),
    }


def job(number: int, slot: int, name: str, status: str = "success", again: int = 0) -> dict[str, Any]:
    """A job of a pipeline; *slot* makes its number one of its own."""
    return {
        "id": f"j-{number}-{slot}-{again}",
        "name": name,
        "type": "build",
        "project_slug": PROJECT,
        "job_number": 10_000 + number * 10 + slot,
        "status": status,
        "started_at": later(moment(number), minutes=slot + 60 * again),
        "stopped_at": later(moment(number), minutes=slot + 5 + 60 * again),
    }


def runs(number: int) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The workflows of a pipeline, newest first, each with its jobs.

    Every tenth fails to deploy and is run again from there; some are deployed twice by one job that
    was picked, some are run again from what came after the deploy, some as a whole, some never get
    beyond an approval.
    """
    tests = (workflow(number, name="tests"), [job(number, 0, "unit")])
    build = job(number, 1, "build")
    if number % 10 == 4:
        first = (workflow(number), [build, job(number, 2, "deploy", "failed")])
        return [(workflow(number, 1), [build, job(number, 3, "deploy", again=1)]), first, tests]
    if number % 30 == 11:
        first = (workflow(number), [build, job(number, 2, "deploy")])
        return [(workflow(number, 1), [build, job(number, 3, "deploy", again=1)]), first, tests]
    if number % 30 == 21:
        done = [build, job(number, 2, "deploy")]
        again = (workflow(number, 1), [*done, job(number, 3, "smoke", again=1)])
        return [again, (workflow(number), [*done, job(number, 6, "smoke", "failed")]), tests]
    if number % 30 == 13:
        whole = [job(number, 4, "build", again=1), job(number, 5, "deploy", again=1)]
        return [
            (workflow(number, 1), whole),
            (workflow(number), [job(number, 1, "build", "failed")]),
            tests,
        ]
    if number % 30 == 17:
        held = {**job(number, 2, "deploy", "blocked")}
        del held["job_number"], held["stopped_at"]
        return [(workflow(number), [build, held]), tests]
    return [(workflow(number), [build, job(number, 2, "deploy")]), tests]


def answer(path: str, query: dict[str, str]) -> Any:
    path = path.removeprefix("/api/v2")
    if path == f"/project/{PROJECT}/pipeline":
        listed = list(map(pipeline, range(COUNT + 3, -60, -1)))
        if "branch" in query:
            listed = [row for row in listed if row.get("vcs", {}).get("branch") == query["branch"]]
        return page_of(listed, PAGE, query)
    _, kind, name, _ = path.split("/")
    number = int(name.split("-", 2)[1]) if not name.startswith("p--") else -int(name[3:])
    if kind == "pipeline":
        # A page for each workflow.
        return page_of([flow for flow, _ in runs(number)], 1, query)
    return page_of(next(jobs for flow, jobs in runs(number) if flow["id"] == name), 99, query)


def page_of(rows: list[dict[str, Any]], size: int, query: dict[str, str]) -> dict[str, Any]:
    at = int(query.get("page-token", "0"))
    following = str(at + size) if at + size < len(rows) else None
    return {"items": rows[at : at + size], "next_page_token": following}


def live(number: int) -> list[dict[str, Any]]:
    """What the orb reported in the jobs of a pipeline, in their order, each at its end."""
    events = []
    for flow, jobs in reversed(runs(number)):
        for row in jobs:
            again = int(flow["id"][-1])
            ran_here = row["id"].endswith(f"-{again}")
            if row["name"] != "deploy" or row["status"] != "success" or not ran_here:
                continue
            tagged = number % 20 == 7
            environ = {
                "CIRCLECI": "true",
                "CIRCLE_PROJECT_USERNAME": "larkspur",
                "CIRCLE_PROJECT_REPONAME": "checkout-api",
                "CIRCLE_REPOSITORY_URL": f"git@github.com:{REPO}.git",
                "CIRCLE_SHA1": sha(number),
                "CIRCLE_TAG" if tagged else "CIRCLE_BRANCH": "v1.4.2" if tagged else "main",
                "PIPELINE_ID": f"p-{number}",
                "CIRCLE_WORKFLOW_ID": flow["id"],
                "CIRCLE_WORKFLOW_WORKSPACE_ID": workflow(number)["id"],
                "CIRCLE_BUILD_URL": f"https://circleci.com/{PROJECT}/{row['job_number']}",
            }
            given = {"environment": "production", "service": "api", "time": row["stopped_at"]}
            events += reported(CIRCLECI, environ, **given)
    return events


PAST = Past(
    "circleci", answer, "larkspur-circle-000042", GIVEN, url="https://circleci.com/api/v2", base="/api/v2"
)


def test_jobs_are_what_the_orb_would_have_reported(tmp_path: Path) -> None:
    """Each job of a year that deployed is the event of its own step, whole, through a 429 and cut pages."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 90: CUT, 91: LIMITED})

    left_out = [number for number in range(COUNT) if number % 50 == 9 or number % 30 == 13]
    expected = [event for number in range(COUNT) if number not in left_out for event in live(number)]
    assert len(expected) > 200
    assert fetched.events == by_id(expected)
    assert len({one for one in fetched.asked if "/pipeline?page-token" in one}) >= 3
    assert "note: 6 gave no event: a pipeline of a forked pull request" in fetched.printed
    assert "note: 9 gave no event: a workflow run again as a whole" in fetched.printed
    assert "note: 26 gave no event: the job did not succeed (failed)" in fetched.printed


def test_reruns_of_whole_workflows_are_events_on_request() -> None:
    """With `reruns=own`, a workflow that was run again as a whole is a deploy under its own name."""
    before = {one.id for one in PAST.events()}
    after = {one.id for one in PAST.events(reruns="own")}

    assert before < after
    assert len(after - before) == len([number for number in range(COUNT) if number % 30 == 13])


def test_one_workflow_alone_can_be_asked_for() -> None:
    """With `workflow` set, jobs of other workflows are neither read nor returned."""
    pages = Direct(answer, PAST.url)

    assert PAST.read(pages=pages, workflow="tests") == []
    assert not [path for path in pages.asked if path.startswith("/workflow/") and "-release-" in path]


def test_a_pipeline_without_repository_is_left_out() -> None:
    """A pipeline without repository and commit gives a reason, and the next one still gives an event."""

    def bare(path: str, query: dict[str, str]) -> Any:
        page = answer(path, query)
        if path.endswith("checkout-api/pipeline"):
            for row in page["items"]:
                if row["number"] == 3:
                    del row["vcs"]
                if row["number"] == 2:
                    row["vcs"] = {**row["vcs"], "revision": "v1.4.2"}
        return page

    second, first, zeroth = PAST.read(moment(1), moment(4), Direct(bare))

    assert second == Ignored("a pipeline that does not tell its repository and commit")
    assert isinstance(first, Ignored)
    assert first.reason.startswith("sha: expected the deployed commit, got nothing from CircleCI")
    assert isinstance(zeroth, Event)


def test_a_page_that_is_none_is_an_error() -> None:
    """A page without its list of items ends the reading, and is not taken for the last one."""
    with pytest.raises(PayloadError, match="expected a list of objects"):
        PAST.read(pages=Direct(lambda path, query: {"message": "moved"}))
