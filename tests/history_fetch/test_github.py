"""GitHub's past, read from a server that listens, against what the action would have reported.

Shapes are those of GitHub's REST API reference; every value is invented.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Deploys, Inputs
from gitdailies_core.ci.github_actions import GITHUB_ACTIONS
from gitdailies_core.errors import UsageError
from gitdailies_core.past import Window
from gitdailies_core.times import text_of
from gitdailies_github_action import reader

from tests.history_fetch.api import CUT, LIMITED, Api, listening

REPO = "larkspur/checkout-api"
TOKEN = "larkspur-github-000042"
BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 260
STEP = (END - BEGIN) / COUNT


def sha(number: int) -> str:
    return f"{number + 1:040x}"


def deployment(number: int) -> dict[str, Any]:
    return {
        "id": 9_000_000 + number,
        "sha": sha(number),
        "ref": ("main", "v1.4.2", sha(number))[number % 3],
        "task": "deploy",
        "environment": "staging" if number % 7 == 3 else "production",
        "created_at": text_of((BEGIN + STEP * number).replace(microsecond=0)),
    }


def statuses(number: int) -> list[dict[str, Any]]:
    """Newest first; some fail, some succeed, and are made inactive by a later one."""
    at = (BEGIN + STEP * number).replace(microsecond=0)
    states = ["queued", "in_progress", *(["failure"] if number % 11 == 5 else ["success", "inactive"])]
    return [
        {
            "id": number * 10 + step,
            "state": state,
            "environment": deployment(number)["environment"],
            "created_at": text_of(at + timedelta(minutes=step)),
            "log_url": f"https://github.com/{REPO}/actions/runs/{number}",
            "target_url": "",
        }
        for step, state in enumerate(states)
    ][::-1]


def run(number: int) -> dict[str, Any]:
    at = (BEGIN + STEP * number).replace(microsecond=0)
    return {
        "id": 7_000_000 + number,
        "event": ("push", "workflow_dispatch", "release", "pull_request")[number % 4],
        "head_sha": sha(number),
        "head_branch": "v1.4.2" if number % 4 == 2 else "main",
        "status": "completed",
        "conclusion": "success",
        "created_at": text_of(at),
        "updated_at": text_of(at + timedelta(minutes=9)),
        "html_url": f"https://github.com/{REPO}/actions/runs/{7_000_000 + number}",
        "head_commit": {"id": sha(number), "timestamp": text_of(at - timedelta(hours=1))},
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


def fetched(folder: Path, api: Api, *arguments: str) -> list[dict[str, Any]]:
    asked = ["github", "--api-url", api.url, "--since", "2025-01-01", "--until", "2026-01-01"]
    more = ["--output", "out.ndjson", "--with", f"repo={REPO}", *arguments]
    ran = subprocess.run(
        [sys.executable, "-m", "gitdailies_cli", "history", "fetch", *asked, *more],
        cwd=folder,
        env={**os.environ, "GITHUB_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    return [json.loads(line) for line in (folder / "out.ndjson").read_text().splitlines()]


def reported(environ: dict[str, str], payload: Any, **inputs: str) -> dict[str, Any]:
    """What the action reports from these variables of a job, and this payload."""
    found = resolve(
        GITHUB_ACTIONS,
        environ={"GITHUB_REPOSITORY": REPO, "GITHUB_SERVER_URL": "https://github.com", **environ},
        event=payload,
        inputs=Inputs.make(**inputs),
    )
    assert isinstance(found, Deploys)
    return found.events[0].to_wire()


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
                    "GITDAILIES_JOB_STATUS": "success",
                }
                payload = {"deployment": deployment(number), "deployment_status": status}
                expected.append(reported(environ, payload))

    api = Api(answer, TOKEN, {2: LIMITED, 3: CUT, 50: CUT, 51: LIMITED})
    with listening(api):
        events = fetched(tmp_path, api)

    assert len(expected) > 200
    assert sorted(events, key=lambda one: one["id"]) == sorted(expected, key=lambda one: one["id"])
    assert len({path for path in api.asked if "/deployments?" in path}) >= 3


def test_runs_are_what_the_action_would_have_reported(
    tmp_path: Path,
) -> None:
    """Each run of a workflow that succeeded has the id of the deploy that a step of it reported."""
    expected = {
        reported(
            {
                "GITHUB_EVENT_NAME": row["event"],
                "GITHUB_RUN_ID": str(row["id"]),
                "GITHUB_RUN_ATTEMPT": "2",
                "GITHUB_SHA": row["head_sha"],
                "GITHUB_REF": "refs/heads/main",
                "GITDAILIES_JOB_STATUS": "success",
            },
            None,
            environment="production",
        )["id"]
        for row in map(run, range(COUNT))
        if row["event"] != "pull_request"
    }

    api = Api(answer, TOKEN, {2: LIMITED, 3: CUT})
    with listening(api):
        events = fetched(tmp_path, api, "--with", "workflow=deploy.yml", "--with", "environment=production")

    assert {one["id"] for one in events} == expected
    assert len(events) == len(expected)
    pushed = next(one for one in events if one["commitSHA"] == sha(0))
    assert pushed["commitTime"] == "2024-12-31T23:00:00Z"
    assert pushed["branch"] == "main"
    assert not any("branch" in one for one in events if int(one["commitSHA"], 16) % 4 == 3)


class Direct:
    def get(self, path: str, query: Any = ()) -> Any:
        return answer(path, dict(query))


def test_more_runs_than_a_listing_shows_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a listing stops short, its window is cut, and no run comes twice or is lost."""
    monkeypatch.setattr(reader, "MOST_RUNS", 40)
    parameters = {"repo": REPO, "workflow": "deploy.yml"}

    told = list(reader.reader.read(Direct(), Window(BEGIN, END), parameters))

    assert len(told) == COUNT


@pytest.mark.parametrize("repo", ["checkout-api", f"{REPO} {REPO}", f"{REPO}@{sha(1)}"])
def test_a_wrong_repository_is_refused(repo: str) -> None:
    """Anything but one repository is a wrong argument."""
    with pytest.raises(UsageError, match="expected"):
        list(reader.reader.read(Direct(), Window(BEGIN, END), {"repo": repo}))
