"""Buildkite's past, read from a server that listens, against what the plugin would have reported.

Shapes are those of Buildkite's Builds API; every value is invented.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms.buildkite import BUILDKITE
from gitdailies_core.events.events import Event

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import (
    BEGIN,
    COUNT,
    END,
    Direct,
    Past,
    by_id,
    later,
    moment,
    reported,
    sha,
)

PATH = "/organizations/larkspur/pipelines/checkout-api/builds"
REPO = "git@github.com:larkspur/checkout-api.git"
GIVEN = {
    "organization": "larkspur",
    "pipeline": "checkout-api",
    "job": "deploy-production",
    "environment": "production",
    "service": "api",
}


def job(number: int, name: str, state: str) -> dict[str, Any]:
    return {
        "name": f":rocket: {name}",
        "step_key": name,
        "state": state,
        "soft_failed": False,
        "finished_at": later(moment(number), minutes=9),
        "retries_count": None,
    }


def build(number: int) -> dict[str, Any]:
    """Some are of tags, of pull requests, rebuilt or of HEAD; some jobs fail, softly too, or run again."""
    pull = {"id": "42", "base": "main", "repository": REPO} if number % 20 == 9 else {}
    deploy = job(number, "deploy-production", "failed" if number % 13 == 5 else "passed")
    jobs = [job(number, "test", "passed"), deploy]
    if number % 10 == 4:
        # Two days later somebody deploys again: a job of the same build.
        again = later(moment(number), days=2)
        jobs.append({**deploy, "state": "passed", "retries_count": 1, "finished_at": again})
    if number % 17 == 11:
        deploy["soft_failed"] = True
    ended = max(one["finished_at"] for one in jobs)
    return {
        "id": f"018f6a3e-1e7c-4b8e-9a51-{number + 1_000:012d}",
        "web_url": f"https://buildkite.com/larkspur/checkout-api/builds/{number}",
        "state": "passed",
        "message": f"Prices\n\nThis reverts commit {sha(number - 1)}." if number % 11 == 3 else "Prices",
        "commit": "HEAD" if number % 50 == 6 else sha(number),
        "branch": "v1.4.2" if number % 10 == 7 else "feature/tools" if pull else "main",
        "tag": "v1.4.2" if number % 10 == 7 else None,
        "env": {"BUILDKITE_GITHUB_DEPLOYMENT_ID": "77"} if number % 25 == 2 else {},
        "source": ("webhook", "ui", "schedule")[number % 3],
        "jobs": jobs,
        "created_at": later(moment(number)),
        "finished_at": None if number == COUNT - 1 else ended,
        "pull_request": pull,
        "rebuilt_from": {"id": "018f-earlier"} if number % 10 == 8 else None,
        "pipeline": {"slug": "checkout-api", "repository": REPO, "default_branch": "main"},
    }


def answer(path: str, query: dict[str, str]) -> Any:
    if path != PATH:
        return None
    assert query["include_retried_jobs"] == "true"
    rows = [build(number) for number in range(COUNT + 3, -30, -1)]
    since, until = (datetime.fromisoformat(query[name]) for name in ("finished_from", "created_to"))
    rows = [row for row in rows if row["finished_at"] and datetime.fromisoformat(row["finished_at"]) >= since]
    rows = [row for row in rows if datetime.fromisoformat(row["created_at"]) < until]
    rows = [row for row in rows if query.get("branch") in (None, row["branch"])]
    size, page = int(query["per_page"]), int(query["page"])
    return rows[(page - 1) * size : page * size]


def live(number: int, one: dict[str, Any]) -> list[dict[str, Any]]:
    """What the plugin reported after a job, in a shallow checkout."""
    row = build(number)
    environ = {
        "BUILDKITE": "true",
        "BUILDKITE_REPO": REPO,
        "BUILDKITE_COMMIT": row["commit"],
        "BUILDKITE_BRANCH": row["branch"],
        "BUILDKITE_TAG": row["tag"] or "",
        "BUILDKITE_MESSAGE": row["message"],
        "BUILDKITE_SOURCE": row["source"],
        "BUILDKITE_BUILD_ID": row["id"],
        "BUILDKITE_BUILD_URL": row["web_url"],
        "BUILDKITE_PULL_REQUEST": row["pull_request"].get("id", "false"),
        "BUILDKITE_PULL_REQUEST_REPO": row["pull_request"].get("repository", ""),
        "BUILDKITE_PIPELINE_DEFAULT_BRANCH": "main",
        "BUILDKITE_COMMAND_EXIT_STATUS": "0",
        "BUILDKITE_RETRY_COUNT": str(one["retries_count"] or 0),
        **row["env"],
    }
    if row["rebuilt_from"]:
        environ["BUILDKITE_REBUILT_FROM_BUILD_ID"] = row["rebuilt_from"]["id"]
    inputs = {"environment": "production", "service": "api", "time": one["finished_at"]}
    return reported(BUILDKITE, environ, **inputs)


def deployed(number: int) -> list[dict[str, Any]]:
    """The jobs of a build that deployed."""
    row = build(number)
    if row["commit"] == "HEAD" or row["finished_at"] is None:
        return []
    named = [one for one in row["jobs"] if one["step_key"] == "deploy-production"]
    return [one for one in named if one["state"] == "passed" and not one["soft_failed"]]


PAST = Past("buildkite", answer, "bkua_larkspur-000042", GIVEN, url="https://api.buildkite.com/v2")


def test_jobs_are_what_the_plugin_would_have_reported(tmp_path: Path) -> None:
    """Each job of a year that deployed is the plugin's event, also when it ran again, through a cut page."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 9: CUT})

    within = [
        (number, one)
        for number in range(-3, COUNT)
        for one in deployed(number)
        if BEGIN <= datetime.fromisoformat(one["finished_at"]) < END
    ]
    expected = [event for number, one in within for event in live(number, one)]
    assert len(expected) > 180
    assert fetched.events == by_id(expected)
    assert {event["attempt"] for event in expected if "attempt" in event} == {"2"}
    for word in ("failed", "failed softly"):
        assert f"the command did not succeed ({word})" in fetched.printed


def test_a_job_counts_when_it_ended() -> None:
    """A job that ran two days after its build was made is read in a window of that day, the first is not."""
    again = moment(4) + timedelta(days=2)

    found = PAST.events(again - timedelta(minutes=1), again + timedelta(minutes=1))

    assert [(one.get("attempt"), one.get("time")) for one in found] == [("2", later(again))]


def test_a_label_names_a_job_too() -> None:
    """A step without a key is named by its label."""
    by_key = PAST.read(BEGIN, moment(20))

    assert by_key == PAST.read(BEGIN, moment(20), job=":rocket: deploy-production")
    assert any(isinstance(one, Event) for one in by_key)


@pytest.mark.parametrize("environment", ["", "staging"])
def test_an_environment_of_github_is_that_of_the_job(environment: str) -> None:
    """A build for a deployment on GitHub has its environment, unless one is named."""
    row = {**build(1), "env": {"BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT": "production-eu"}}
    pages = Direct(lambda path, query: [row] if query["page"] == "1" else [])

    [event] = PAST.read(moment(1), moment(2), pages, environment=environment)

    assert isinstance(event, Event)
    assert event.get("environment") == (environment or "production-eu")
