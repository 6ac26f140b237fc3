"""GitLab's past, read from a server that listens, against what the component would have reported.

Shapes are those of GitLab's Deployments API; every value is invented.
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
from gitdailies_core.adapter import Ignored
from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Deploys, Inputs
from gitdailies_core.ci.gitlab import GITLAB
from gitdailies_core.errors import UsageError
from gitdailies_core.events import Event
from gitdailies_core.past import Window
from gitdailies_core.times import text_of
from gitdailies_gitlab import past, reader

from tests.history_fetch.api import CUT, LIMITED, Api, listening

REPO = "larkspur/payments/checkout-api"
TOKEN = "glpat-larkspur-000042"
BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 260
STEP = (END - BEGIN) / COUNT


def deployment(number: int) -> dict[str, Any]:
    """Every tenth runs again in the pipeline of the one before; some are of a tag or a merge request."""
    pipeline = 5_000 + (number - 1 if number % 10 == 4 else number)
    sha = f"{pipeline:040x}"
    at = (BEGIN + STEP * number).replace(microsecond=222_000)
    kinds = {1: "v1.4.2", 2: "refs/merge-requests/7/merge"}
    ref = kinds.get(number % 20, "main")
    job = {
        "id": 664 + number,
        "status": "success",
        "tag": ref == "v1.4.2",
        "finished_at": text_of(at),
        "commit": {"id": sha, "created_at": "2024-12-30T09:36:01.000+02:00"},
        "pipeline": {
            "id": pipeline,
            "sha": sha,
            "web_url": f"https://gitlab.com/{REPO}/-/pipelines/{pipeline}",
        },
    }
    return {
        "id": number,
        "iid": number,
        "ref": ref,
        "sha": sha,
        "created_at": text_of(at - timedelta(minutes=4)),
        "updated_at": "2026-05-05T00:00:00.000Z",
        "status": "success",
        "environment": {"id": 9, "name": "production/eu" if number % 3 else "staging"},
        "deployable": None if number % 50 == 6 else job,
    }


def answer(path: str, query: dict[str, str]) -> Any:
    if path != "/projects/larkspur%2Fpayments%2Fcheckout-api/deployments":
        return None
    assert (query["order_by"], query["status"]) == ("finished_at", "success")
    since, until = (datetime.fromisoformat(query[name]) for name in ("finished_after", "finished_before"))
    rows = [deployment(number) for number in range(COUNT)]
    rows = [row for row in rows if since <= past.finished_at(row) <= until]
    rows = [row for row in rows if query.get("environment") in (None, row["environment"]["name"])]
    size, page = int(query["per_page"]), int(query["page"])
    return rows[(page - 1) * size : page * size]


def reported(row: dict[str, Any]) -> str:
    """The id that the component reports in the job of a deployment."""
    pipeline = row["deployable"]["pipeline"]
    found = resolve(
        GITLAB,
        environ={
            "GITLAB_CI": "true",
            "CI_PIPELINE_ID": str(pipeline["id"]),
            "CI_PIPELINE_URL": pipeline["web_url"],
            "CI_PROJECT_PATH": REPO,
            "CI_COMMIT_SHA": row["sha"],
            "CI_COMMIT_BRANCH": "main",
            "CI_ENVIRONMENT_NAME": row["environment"]["name"],
            "CI_ENVIRONMENT_ACTION": "start",
            "CI_JOB_STATUS": "running",
        },
        inputs=Inputs.make(service="api"),
    )
    assert isinstance(found, Deploys)
    return str(found.events[0].id)


def test_deployments_are_what_the_component_would_have_reported(tmp_path: Path) -> None:
    """Each deployment of a year has the id of its job's report, through a 429 and a cut connection."""
    rows = [deployment(number) for number in range(COUNT)]
    expected = {reported(row) for row in rows if row["deployable"] and "merge" not in row["ref"]}
    api = Api(answer, TOKEN, {2: LIMITED, 3: CUT})
    asked = ["gitlab", "--since", "2025-01-01", "--until", "2026-01-01", "--output", "out.ndjson"]
    asked += ["--with", f"repo={REPO}", "--with", "service=api"]
    with listening(api):
        ran = subprocess.run(
            [sys.executable, "-m", "gitdailies_cli", "history", "fetch", *asked, "--api-url", api.url],
            cwd=tmp_path,
            env={**os.environ, "GITLAB_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert ran.returncode == 0, ran.stderr
    assert TOKEN not in ran.stdout + ran.stderr
    events = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert {one["id"] for one in events} == expected
    assert len(events) == len(expected) > 200
    assert len(set(api.asked)) >= 3
    first = events[0]
    assert first["time"] == "2025-01-01T00:00:00.222Z"
    assert first["commitTime"] == "2024-12-30T07:36:01Z"
    assert first["branch"] == "main"
    assert "deployed again by the same run" in ran.stderr
    assert "a deployment of a merge request" in ran.stderr


class Direct:
    def get(self, path: str, query: Any = ()) -> Any:
        return answer(path, dict(query))


def test_one_environment_alone_can_be_asked_for() -> None:
    """With an environment, deployments to others are not read."""
    parameters = {"repo": REPO, "environment": "staging"}

    told = list(reader.reader.read(Direct(), Window(BEGIN, END), parameters))

    assert {one.get("environment") for one in told if isinstance(one, Event)} == {"staging"}


def test_a_tag_is_no_branch() -> None:
    """A deployment of a tag names no branch; one that failed, after all, is ignored."""
    (event,) = past.of_deployment(REPO, deployment(1), Inputs.make())
    (failed,) = past.of_deployment(REPO, {**deployment(1), "status": "failed"}, Inputs.make())

    assert isinstance(event, Event)
    assert event.get("branch") is None
    assert isinstance(failed, Ignored)


def test_a_wrong_project_is_refused() -> None:
    """A name that is no path of a project is a wrong argument."""
    with pytest.raises(UsageError, match="expected"):
        list(reader.reader.read(Direct(), Window(BEGIN, END), {"repo": "checkout-api"}))
