"""Travis' past, read from a server that listens, against what the step would have reported.

Shapes are those of Travis' API v3 reference; every value is invented.
"""

from pathlib import Path
from typing import Any

import pytest
from gitdailies_ci_history import travis as reader
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms.travis import TRAVIS
from gitdailies_core.ci.reporting import console
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Past, by_id, later, moment, reported, sha

REPO = "larkspur/checkout-api"
PATH = "/repo/larkspur%2Fcheckout-api"
GIVEN = {"repo": REPO, "environment": "production", "service": "api"}


def build(number: int) -> dict[str, Any]:
    """Some are of tags, of pull requests, of other branches; some fail, before their deploy or after it."""
    tag = {"name": "v1.4.2"} if number % 10 == 7 else None
    branch = "retry" if number % 10 == 4 else "v1.4.2" if tag else "main"
    failed, running = number % 13 == 5, number == COUNT - 1
    event = "push" if tag else ("push", "api", "pull_request", "cron")[number % 4]
    stages = [
        {
            "name": name,
            "state": "passed" if not failed or name == "Deploy" else "failed",
            "finished_at": later(moment(number), minutes=4 * at + 3),
        }
        for at, name in enumerate(["Test", "Deploy", "Smoke"])
    ]
    return {
        "id": 700_000 + number,
        "state": "started" if running else "failed" if failed else "passed",
        "event_type": event,
        "started_at": later(moment(number)),
        "finished_at": None if running else later(moment(number), minutes=12),
        "branch": {"name": branch},
        "tag": tag,
        "commit": {
            "sha": sha(number),
            "committed_at": later(moment(number), hours=-3),
        },
        "stages": stages,
    }


def answer(path: str, query: dict[str, str]) -> Any:
    if path == PATH:
        return {"slug": REPO, "default_branch": {"name": "main"}}
    if path != f"{PATH}/builds":
        return None
    assert query["sort_by"] == "finished_at:desc"
    rows = [build(number) for number in range(COUNT + 3, -250, -1)]
    rows = [row for row in rows if row["event_type"] in query["event_type"].split(",")]
    rows = [row for row in rows if query.get("branch.name") in (None, row["branch"]["name"])]
    rows = [row for row in rows if query.get("state") in (None, row["state"])]
    # PostgreSQL puts what has no time first.
    rows.sort(key=lambda row: row["finished_at"] or "9", reverse=True)
    limit, offset = int(query["limit"]), int(query["offset"])
    last = {"is_last": offset + limit >= len(rows)}
    return {"@pagination": last, "builds": rows[offset : offset + limit]}


def live(number: int, at: str) -> list[dict[str, Any]]:
    """What the step reported after a deploy, at the time *at*, in a shallow checkout, less the page."""
    row = build(number)
    tag = row["tag"]["name"] if row["tag"] else ""
    environ = {
        "TRAVIS": "true",
        "TRAVIS_BUILD_ID": str(row["id"]),
        "TRAVIS_REPO_SLUG": REPO,
        "TRAVIS_COMMIT": row["commit"]["sha"],
        "TRAVIS_BRANCH": row["branch"]["name"],
        "TRAVIS_TAG": tag,
        "TRAVIS_PULL_REQUEST": "false",
        "TRAVIS_TEST_RESULT": "0",
        "GITDAILIES_ENVIRONMENT": "production",
        "GITDAILIES_SERVICE": "api",
        "GITDAILIES_TIME": at,
    }
    inputs = {name: text for name, text in console.texts(environ, "GITDAILIES_").items() if text}
    events = reported(TRAVIS, environ, **inputs)
    return [{**event, "commitTime": row["commit"]["committed_at"]} for event in events]


def of(branch: str) -> list[int]:
    rows = [build(number) for number in range(COUNT)]
    return [
        number
        for number, row in enumerate(rows)
        if row["event_type"] != "pull_request" and row["branch"]["name"] == branch and row["finished_at"]
    ]


PAST = Past("travis", answer, "larkspur-travis-000042", GIVEN, url="https://api.travis-ci.com")


def passed(branch: str) -> list[dict[str, Any]]:
    """What the step reported in the year, at the end of the builds of a branch or a tag that passed."""
    rows = {number: build(number) for number in of(branch)}
    ends = {number: row["finished_at"] for number, row in rows.items() if row["state"] == "passed"}
    return by_id([event for number, end in ends.items() for event in live(number, end)])


def test_builds_are_what_the_step_would_have_reported(tmp_path: Path) -> None:
    """Each build of a year's default branch that passed is the step's event, through a 429 and a cut page."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 5: CUT, 6: LIMITED})

    assert len(fetched.events) > 100
    assert fetched.events == passed("main")
    assert len({one for one in fetched.asked if "/builds?" in one}) >= 3


def test_a_stage_counts_at_its_end(tmp_path: Path) -> None:
    """With a stage, a build counts where that stage passed, at its end, whatever became of those after it."""
    ends = {number: build(number)["stages"][1]["finished_at"] for number in of("main")}
    expected = [event for number, end in ends.items() for event in live(number, end)]

    assert any(build(number)["state"] == "failed" for number in of("main"))
    assert PAST.fetch(tmp_path, stage="Deploy").events == by_id(expected)


def test_tags_are_read_on_request(tmp_path: Path) -> None:
    """With `tags=only`, the builds of tags are the events, without a branch, and no others."""
    fetched = PAST.fetch(tmp_path, tags="only")

    assert fetched.events == passed("v1.4.2") != []
    assert not any("branch" in event for event in fetched.events)


@pytest.mark.parametrize(
    ("changes", "stage", "reason"),
    [
        ({"event_type": "pull_request"}, None, "a build of a pull request, which Travis does not deploy"),
        ({"state": "errored"}, None, "the script phase did not succeed (errored)"),
        ({}, "Release", "a build without a stage 'Release'"),
        ({"stages": None}, "Deploy", "a build without a stage 'Deploy'"),
    ],
)
def test_what_did_not_deploy_is_left_out(changes: dict[str, Any], stage: str | None, reason: str) -> None:
    """A build that made no deploy comes to the reason."""
    (one,) = reader.of_build(REPO, {**build(1), **changes}, stage, Inputs())

    assert one == Ignored(reason)


def test_a_tag_may_be_text() -> None:
    """A tag is read as the reference has it, too: as its name alone."""
    (event,) = reader.of_build(REPO, {**build(7), "tag": "v1.4.2"}, None, Inputs())

    assert isinstance(event, Event)
    assert event.get("branch") is None
