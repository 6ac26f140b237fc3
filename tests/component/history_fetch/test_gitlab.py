"""GitLab's past, read from a server that listens, against what the component would have reported.

Shapes are those of GitLab's Deployments API; every value is invented.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms.gitlab import GITLAB
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored
from gitdailies_gitlab import reader

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Past, by_id, later, moment, reported

REPO = "larkspur/payments/checkout-api"


def deployment(number: int) -> dict[str, Any]:
    """Every tenth runs again in the pipeline of the one before; some are of a tag or a merge request."""
    pipeline = 5_000 + (number - 1 if number % 10 == 4 else number)
    sha = f"{pipeline:040x}"
    at = moment(number).replace(microsecond=222_000)
    kinds = {1: "v1.4.2", 2: "refs/merge-requests/7/merge"}
    ref = kinds.get(number % 20, "main")
    job = {
        "id": 664 + number,
        "tag": ref == "v1.4.2",
        "finished_at": later(at, milliseconds=0),
        "commit": {"created_at": "2024-12-30T09:36:01.000+02:00"},
        "pipeline": {"id": pipeline, "web_url": f"https://gitlab.com/{REPO}/-/pipelines/{pipeline}"},
    }
    tier = "production" if number % 3 else "staging"
    return {
        "id": number,
        "ref": ref,
        "sha": sha,
        "created_at": later(at, minutes=-4),
        "updated_at": "2026-05-05T00:00:00.000Z",
        "status": "success",
        "environment": {"name": "production/eu" if number % 3 else "staging", "tier": tier},
        "deployable": None if number % 50 == 6 else job,
    }


def answer(path: str, query: dict[str, str]) -> Any:
    if path != "/projects/larkspur%2Fpayments%2Fcheckout-api/deployments":
        return None
    assert (query["order_by"], query["status"]) == ("finished_at", "success")
    since, until = (datetime.fromisoformat(query[name]) for name in ("finished_after", "finished_before"))
    rows = [deployment(number) for number in range(COUNT)]
    rows = [row for row in rows if since <= reader.finished_at(row) <= until]
    rows = [row for row in rows if query.get("environment") in (None, row["environment"]["name"])]
    size, page = int(query["per_page"]), int(query["page"])
    return rows[(page - 1) * size : page * size]


def live(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What the component reported in the job of a deployment at its end, in a shallow checkout."""
    pipeline = row["deployable"]["pipeline"]
    tagged = row["deployable"]["tag"]
    environ = {
        "GITLAB_CI": "true",
        "CI_PIPELINE_ID": str(pipeline["id"]),
        "CI_JOB_ID": str(row["deployable"]["id"]),
        "CI_ENVIRONMENT_TIER": row["environment"]["tier"],
        "CI_PIPELINE_URL": pipeline["web_url"],
        "CI_PROJECT_PATH": REPO,
        "CI_COMMIT_SHA": row["sha"],
        "CI_COMMIT_TAG" if tagged else "CI_COMMIT_BRANCH": row["ref"],
        "CI_ENVIRONMENT_NAME": row["environment"]["name"],
        "CI_ENVIRONMENT_ACTION": "start",
        "CI_JOB_STATUS": "running",
    }
    events = reported(GITLAB, environ, service="api", time=row["deployable"]["finished_at"])
    return [{**event, "commitTime": "2024-12-30T07:36:01Z"} for event in events]


PAST = Past("gitlab", answer, "glpat-larkspur-000042", {"repo": REPO})


def test_deployments_are_what_the_component_would_have_reported(tmp_path: Path) -> None:
    """Each deployment of a year is its job's event, whole, through a 429 and a cut connection."""
    rows = [deployment(number) for number in range(COUNT)]
    deployed = [row for row in rows if row["deployable"] and "merge" not in row["ref"]]
    # Of two under one id, what came first stays.
    expected = {event["id"]: event for row in reversed(deployed) for event in live(row)}
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT}, service="api")

    assert len(expected) > 200
    assert fetched.events == by_id(list(expected.values()))
    assert len(set(fetched.asked)) >= 3
    assert "a deployment of a merge request" in fetched.printed


def test_a_tag_is_no_branch() -> None:
    """A deployment of a tag names no branch; one that failed, after all, is ignored."""
    (event,) = reader.of_deployment(REPO, deployment(1), Inputs())
    (failed,) = reader.of_deployment(REPO, {**deployment(1), "status": "failed"}, Inputs())

    assert isinstance(event, Event)
    assert event.get("branch") is None
    assert isinstance(failed, Ignored)
