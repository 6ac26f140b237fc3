"""GitHub's past, read from a server that listens, against what the action would have reported.

Shapes are those of GitHub's REST API reference; every value is invented.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.platforms.github_actions import GITHUB_ACTIONS
from gitdailies_github_action import reader

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Past, by_id, later, moment, reported, sha

REPO = "larkspur/checkout-api"


def deployment(number: int) -> dict[str, Any]:
    return {
        "id": 9_000_000 + number,
        "sha": sha(number),
        "ref": ("main", "v1.4.2", sha(number))[number % 3],
        "environment": "staging" if number % 7 == 3 else "production",
        "created_at": later(moment(number)),
    }


def statuses(number: int) -> list[dict[str, Any]]:
    """Newest first; some fail, some succeed, and are made inactive by a later one."""
    at = moment(number)
    states = ["queued", "in_progress", *(["failure"] if number % 11 == 5 else ["success", "inactive"])]
    return [
        {
            "id": number * 10 + step,
            "state": state,
            "environment": deployment(number)["environment"],
            "created_at": later(at, minutes=step),
            "log_url": f"https://github.com/{REPO}/actions/runs/{number}",
        }
        for step, state in enumerate(states)
    ][::-1]


def run(number: int) -> dict[str, Any]:
    at = moment(number)
    return {
        "id": 7_000_000 + number,
        "event": ("push", "workflow_dispatch", "release", "pull_request")[number % 4],
        "run_attempt": 2 if number % 10 == 4 else 1,
        "head_sha": sha(number),
        "head_branch": "v1.4.2" if number % 4 == 2 else "main",
        "status": "completed",
        "conclusion": "success",
        "created_at": later(at),
        "updated_at": later(at, minutes=9),
        "html_url": f"https://github.com/{REPO}/actions/runs/{7_000_000 + number}",
        "head_commit": {"id": sha(number), "timestamp": later(at, hours=-1)},
    }


def answer(path: str, query: dict[str, str]) -> Any:
    size, page = int(query["per_page"]), int(query["page"])
    rows: list[dict[str, Any]]
    if path == f"/repos/{REPO}/deployments":
        # Older ones than were asked for, too: this listing knows no time.
        rows = [deployment(number) for number in range(COUNT - 1, -120, -1)]
    elif path.endswith("/statuses"):
        rows = statuses(int(path.split("/")[-2]) - 9_000_000)
    elif path == f"/repos/{REPO}/actions/workflows/deploy.yml/runs":
        since, until = (datetime.fromisoformat(one) for one in query["created"].split(".."))
        rows = [run(number) for number in range(COUNT - 1, -1, -1)]
        rows = [row for row in rows if since <= datetime.fromisoformat(row["created_at"]) <= until]
        shown = rows[: reader.MOST_RUNS]
        return {"total_count": len(rows), "workflow_runs": shown[(page - 1) * size : page * size]}
    else:
        return None
    return rows[(page - 1) * size : page * size]


def live(environ: dict[str, str], payload: Any, **inputs: str) -> list[dict[str, Any]]:
    """What the action reported in a job with these variables of its own, and this payload."""
    every = {
        "GITHUB_REPOSITORY": REPO,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITDAILIES_JOB_STATUS": "success",
        **environ,
    }
    return reported(GITHUB_ACTIONS, every, event=payload, **inputs)


PAST = Past("github", answer, "larkspur-github-000042", {"repo": REPO})


def test_deployments_are_what_the_action_would_have_reported(tmp_path: Path) -> None:
    """Each deployment of a year that succeeded is the event of a job on its deployment_status, whole."""
    expected = []
    for number in range(COUNT):
        ref = deployment(number)["ref"]
        for status in statuses(number):
            if status["state"] == "success":
                environ = {
                    "GITHUB_EVENT_NAME": "deployment_status",
                    "GITHUB_RUN_ID": "31",
                    "GITHUB_SHA": sha(number),
                    "GITHUB_REF": {"main": "refs/heads/main", "v1.4.2": "refs/tags/v1.4.2"}.get(ref, ""),
                }
                payload = {"deployment": deployment(number), "deployment_status": status}
                expected += live(environ, payload)

    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 50: CUT, 51: LIMITED})

    assert len(expected) > 200
    assert fetched.events == by_id(expected)
    assert len({path for path in fetched.asked if "/deployments?" in path}) >= 3


def test_runs_are_what_the_action_would_have_reported(tmp_path: Path) -> None:
    """Each run of a workflow that succeeded is the event of a step at its end, in a shallow checkout."""
    expected = []
    for number in range(COUNT):
        row = run(number)
        if row["event"] != "pull_request":
            environ = {
                "GITHUB_EVENT_NAME": row["event"],
                "GITHUB_RUN_ID": str(row["id"]),
                "GITHUB_RUN_ATTEMPT": str(row["run_attempt"]),
                "GITHUB_SHA": row["head_sha"],
                "GITHUB_REF": "refs/tags/v1.4.2" if row["event"] == "release" else "refs/heads/main",
            }
            given = {"environment": "production", "time": row["updated_at"]}
            reported = live(environ, None, **given)
            expected += [{**event, "commitTime": row["head_commit"]["timestamp"]} for event in reported]

    of_runs = {"workflow": "deploy.yml", "environment": "production"}
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT}, **of_runs)

    assert fetched.events == by_id(expected)
    assert len({path for path in fetched.asked if "/runs?" in path}) >= 3


def test_more_runs_than_a_listing_shows_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a listing stops short, its window is cut, and no run comes twice or is lost."""
    monkeypatch.setattr(reader, "MOST_RUNS", 40)

    assert len(PAST.read(workflow="deploy.yml")) == COUNT
