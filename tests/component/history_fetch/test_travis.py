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
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.sources.history import Window
from gitdailies_core.sources.protocol import Ignored

from tests.support.history_fetch.api import CUT, LIMITED, Api
from tests.support.history_fetch.deploys import (
    BEGIN,
    COUNT,
    END,
    Direct,
    by_id,
    fetched,
    later,
    moment,
    reported,
    sha,
)

REPO = "larkspur/checkout-api"
TOKEN = "larkspur-travis-000042"
PATH = "/repo/larkspur%2Fcheckout-api"
GIVEN = {"repo": REPO, "environment": "production", "service": "api"}


def build(number: int) -> dict[str, Any]:
    """Some are of tags, of pull requests, of other branches; some fail, before their deploy or after it."""
    tag = {"@type": "tag", "@representation": "minimal", "name": "v1.4.2"} if number % 10 == 7 else None
    branch = "retry" if number % 10 == 4 else "v1.4.2" if tag else "main"
    failed, running = number % 13 == 5, number == COUNT - 1
    event = "push" if tag else ("push", "api", "pull_request", "cron")[number % 4]
    stages = [
        {
            "@type": "stage",
            "id": number * 10 + at,
            "number": at + 1,
            "name": name,
            "state": "passed" if not failed or name == "Deploy" else "failed",
            "started_at": later(moment(number), minutes=4 * at),
            "finished_at": later(moment(number), minutes=4 * at + 3),
        }
        for at, name in enumerate(["Test", "Deploy", "Smoke"])
    ]
    return {
        "@type": "build",
        "@href": f"/build/{700_000 + number}",
        "@representation": "standard",
        "id": 700_000 + number,
        "number": str(number),
        "state": "started" if running else "failed" if failed else "passed",
        "event_type": event,
        "started_at": later(moment(number)),
        "finished_at": None if running else later(moment(number), minutes=12),
        "repository": {"@type": "repository", "id": 9, "name": "checkout-api", "slug": REPO},
        "branch": {"@type": "branch", "name": branch},
        "tag": tag,
        "commit": {
            "@type": "commit",
            "@representation": "minimal",
            "id": number,
            "sha": sha(number),
            "ref": f"refs/heads/{branch}",
            "committed_at": later(moment(number), hours=-3),
        },
        "stages": stages,
    }


def answer(path: str, query: dict[str, str]) -> Any:
    if path == PATH:
        return {"@type": "repository", "slug": REPO, "default_branch": {"@type": "branch", "name": "main"}}
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
    return {
        "@type": "builds",
        "@pagination": {
            "limit": limit,
            "offset": offset,
            "count": len(rows),
            "is_last": offset + limit >= len(rows),
        },
        "builds": rows[offset : offset + limit],
    }


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


def test_builds_are_what_the_step_would_have_reported(tmp_path: Path) -> None:
    """Each build of a year's default branch that passed is the step's event, through a 429 and a cut page."""
    api = Api(answer, TOKEN, {2: LIMITED, 3: CUT, 5: CUT, 6: LIMITED})
    events, _ = fetched(tmp_path, api, "travis", **GIVEN)

    passed = [number for number in of("main") if build(number)["state"] == "passed"]
    expected = [event for number in passed for event in live(number, build(number)["finished_at"])]
    assert len(expected) > 100
    assert events == by_id(expected)
    assert len({one for one in api.asked if "/builds?" in one}) >= 3


def test_a_stage_counts_at_its_end(tmp_path: Path) -> None:
    """With a stage, a build counts where that stage passed, at its end, whatever became of those after it."""
    api = Api(answer, TOKEN)
    events, _ = fetched(tmp_path, api, "travis", **GIVEN, stage="Deploy")

    expected = [
        event for number in of("main") for event in live(number, build(number)["stages"][1]["finished_at"])
    ]
    assert any(build(number)["state"] == "failed" for number in of("main"))
    assert events == by_id(expected)


def test_tags_are_read_on_request(tmp_path: Path) -> None:
    """With `tags=only`, the builds of tags are the events, without a branch, and no others."""
    api = Api(answer, TOKEN)
    events, _ = fetched(tmp_path, api, "travis", **GIVEN, tags="only")

    passed = [number for number in of("v1.4.2") if build(number)["state"] == "passed"]
    expected = [event for number in passed for event in live(number, build(number)["finished_at"])]
    assert expected
    assert events == by_id(expected)
    assert not any("branch" in event for event in events)


def read(**parameters: str) -> list[Any]:
    pages = Direct(answer, "https://api.travis-ci.com")
    return list(reader.reader.read(pages, Window(BEGIN, END), {**GIVEN, **parameters}))


def test_another_branch_can_be_asked_for() -> None:
    """With `branch` set, its builds are read and the default branch is not requested."""
    found = read(branch="retry")

    assert found
    assert {one.get("branch") for one in found} == {"retry"}


def test_older_builds_are_not_asked_for() -> None:
    """Reading ends with the first page that is older than the window, though builds still run."""
    pages = Direct(answer, "https://api.travis-ci.com")

    list(reader.reader.read(pages, Window(moment(COUNT - 3), END), {**GIVEN, "stage": "Deploy"}))

    assert len([path for path in pages.asked if path.endswith("/builds")]) == 2


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


@pytest.mark.parametrize("parameters", [{"tags": "yes"}, {"tags": "only", "branch": "main"}])
def test_a_wrong_parameter_is_refused(parameters: dict[str, str]) -> None:
    """Tags are asked for with one word, and not together with a branch."""
    with pytest.raises(UsageError, match="expected tags=only without a branch"):
        read(**parameters)
