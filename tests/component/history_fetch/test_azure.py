"""The past of Azure Pipelines, read from a server that listens, against what the step would have reported.

Shapes are those of Azure DevOps' Builds and Timeline APIs; every value is invented.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_ci_history.azure import reader
from gitdailies_core.ci.platforms.azure import AZURE
from gitdailies_core.events.events import Event
from gitdailies_core.values.secret import Secret

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

PATH = "/larkspur/Check%20out/_apis/build"
REPOSITORY = {
    "id": "0d50ba13-f9ad-49b0-9b21-d29eda50ca33",
    "type": "TfsGit",
    "name": "checkout-api",
    "url": "https://larkspur@dev.azure.com/larkspur/shop/_git/checkout-api",
}
GIVEN = {
    "organization": "larkspur",
    "project": "Check out",
    "pipeline": "7",
    "stage": "deploy_production",
    "environment": "production",
    "service": "api",
}
REASONS = ("individualCI", "manual", "schedule", "batchedCI")
# Days until a stage ran again.
AGAIN = 2


def build(number: int) -> dict[str, Any]:
    """Some are of tags or pull requests, before number 40 of another repository, and the last still runs."""
    branch = "refs/tags/v1.4.2" if number % 10 == 7 else "refs/pull/9/merge" if number % 20 == 9 else None
    running = number == COUNT - 1
    ended = moment(number) + timedelta(minutes=12, days=AGAIN if number % 10 == 4 else 0)
    own = {"id": REPOSITORY["id"], "type": "TfsGit"}
    return {
        "id": number + 4_000,
        "status": "inProgress" if running else "completed",
        "result": None if running else "succeeded",
        "reason": "pullRequest" if number % 20 == 9 else REASONS[number % 4],
        "queueTime": later(moment(number)),
        **({} if running else {"finishTime": later(ended, microseconds=1)}),
        "sourceBranch": branch or "refs/heads/main",
        "sourceVersion": sha(number),
        "project": {"name": "Check out"},
        "repository": own if number >= 40 else {"id": "larkspur/checkout-api", "type": "GitHub"},
    }


def stage(number: int, name: str, attempt: int = 1) -> dict[str, Any]:
    """The deploys of some fail. What is after them may still run."""
    again = timedelta(days=AGAIN if attempt > 1 else 0)
    failed = number % 13 == 5 and attempt == 1
    waits = name == "smoke" and number == COUNT - 1
    result = "failed" if failed else "succeededWithIssues" if number % 3 else "succeeded"
    return {
        "type": "Stage",
        "identifier": name,
        "name": name.replace("_", " ").title(),
        "result": None if waits else result,
        "finishTime": None if waits else later(moment(number) + again, minutes=9),
        "attempt": attempt,
        "previousAttempts": [],
    }


def timeline(number: int) -> list[dict[str, Any]]:
    job = {"type": "Job", "identifier": "deploy_production.__default", "name": "deploy_production"}
    deploy = stage(number, "deploy_production", 2 if number % 10 == 4 else 1)
    if deploy["attempt"] == 2:
        deploy["previousAttempts"] = [{"attempt": 1, "timelineId": "t-1"}]
    return [deploy, job, stage(number, "test"), stage(number, "smoke")]


def answer(path: str, query: dict[str, str]) -> Any:
    assert query["api-version"] == "6.0"
    if path == f"{PATH}/definitions/7":
        return {"repository": REPOSITORY}
    of_run = re.fullmatch(rf"{PATH}/builds/([0-9]+)/timeline(/t-1)?", path)
    if of_run:
        number = int(of_run[1]) - 4_000
        records = [stage(number, "deploy_production")] if of_run[2] else timeline(number)
        return {"records": records}
    if path != f"{PATH}/builds":
        return None
    assert query["definitions"] == "7"
    rows = [build(number) for number in range(-120, COUNT + 60)]
    rows = [row for row in rows if row["status"] == query["statusFilter"]]
    rows = [row for row in rows if query.get("branchName") in (None, row["sourceBranch"])]
    if query["statusFilter"] == "completed":
        since = datetime.fromisoformat(query["minTime"])
        rows.sort(key=lambda row: row["finishTime"])
        rows = [row for row in rows if datetime.fromisoformat(row["finishTime"]) >= since]
    return {"count": len(rows), "value": rows[: int(query["$top"])]}


def live(number: int, one: dict[str, Any]) -> list[dict[str, Any]]:
    """What the step reported in a stage, in a shallow checkout."""
    row = build(number)
    azure = row["repository"]["type"] == "TfsGit"
    environ = {
        "TF_BUILD": "True",
        "BUILD_REPOSITORY_PROVIDER": row["repository"]["type"],
        "BUILD_REPOSITORY_NAME": "checkout-api" if azure else "larkspur/checkout-api",
        "BUILD_REPOSITORY_URI": REPOSITORY["url"]
        if azure
        else "https://github.com/larkspur/checkout-api.git",
        "BUILD_SOURCEBRANCH": row["sourceBranch"],
        "BUILD_SOURCEVERSION": row["sourceVersion"],
        "BUILD_REASON": row["reason"][0].upper() + row["reason"][1:],
        "BUILD_BUILDID": str(row["id"]),
        "SYSTEM_COLLECTIONURI": "https://dev.azure.com/larkspur/",
        "SYSTEM_TEAMPROJECT": "Check out",
        "SYSTEM_STAGEATTEMPT": str(one["attempt"]),
        "SYSTEM_JOBATTEMPT": "1",
        "AGENT_JOBSTATUS": "Succeeded",
        "ENVIRONMENT_NAME": "production",
    }
    return reported(AZURE, environ, service="api", time=one["finishTime"])


def deployed(number: int) -> list[dict[str, Any]]:
    """The attempts of the stage that deployed in the year."""
    attempts = [stage(number, "deploy_production", attempt) for attempt in (1, 2)[: 1 + (number % 10 == 4)]]
    within = [one for one in attempts if BEGIN <= datetime.fromisoformat(one["finishTime"]) < END]
    return [one for one in within if one["result"] != "failed" and number % 20 != 9]


PAST = Past("azure", answer, "larkspurpat000042", GIVEN, url="https://dev.azure.com")


def test_stages_are_what_the_step_would_have_reported(tmp_path: Path) -> None:
    """Each attempt of a year's deploys is the step's event, also of a run that goes on, through cut pages."""
    fetched = PAST.fetch(tmp_path, {2: LIMITED, 3: CUT, 30: CUT})

    expected = [
        event for number in range(-3, COUNT) for one in deployed(number) for event in live(number, one)
    ]
    assert len(expected) > 220
    assert {event["attempt"] for event in expected if "attempt" in event} == {"2"}
    assert fetched.events == by_id(expected)
    for reason in ("the job did not succeed (failed)", "a run of a pull request"):
        assert reason in fetched.printed


def test_a_stage_counts_when_it_ended() -> None:
    """A stage that ran again two days after its run is read in a window of that day, and the first is not."""
    again = moment(4) + timedelta(days=AGAIN)

    found = PAST.read(again, again + timedelta(minutes=10))

    assert [(one.get("attempt"), one.get("time")) for one in found] == [("2", later(again, minutes=9))]


def test_the_title_of_a_stage_names_it_too() -> None:
    """A stage is found by its title as by its name."""
    assert PAST.read(BEGIN, moment(9), stage="Deploy Production") == PAST.read(BEGIN, moment(9))


def test_the_only_stage_needs_no_name() -> None:
    """A pipeline without stages has a single one, whose name is Azure's own."""

    def single(path: str, query: dict[str, str]) -> Any:
        page = answer(path, query)
        return {"records": [stage(1, "__default")]} if "records" in page else page

    found = PAST.read(moment(1), moment(2), Direct(single), stage="")

    assert any(isinstance(one, Event) for one in found)


@pytest.mark.parametrize(
    ("token", "kind"), [("pat000", "Basic OnBhdDAwMA=="), ("ey.J0.eX", "Bearer ey.J0.eX")]
)
def test_both_kinds_of_token_are_taken(token: str, kind: str) -> None:
    """A personal access token is the password of no user; a token of Entra is sent as it is."""
    assert reader.headers(Secret(token))["Authorization"] == kind
