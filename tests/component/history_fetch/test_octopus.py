"""Octopus' past, read from a server that listens, against what the step would have reported.

Shapes are those of Octopus' REST API; every value is invented.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gitdailies_ci_history import octopus as reader
from gitdailies_cli.main import gitdailies
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.platforms.octopus import OCTOPUS
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.protocol import Ignored

from tests.support.history_fetch.api import CUT, LIMITED
from tests.support.history_fetch.deploys import COUNT, Past, by_id, later, moment, reported, sha

TOKEN = "API-LARKSPUR000042"
GIVEN = {"project": "checkout", "space": "Spaces-2", "service": "api"}
ENVIRONMENTS = [
    {"Id": "Environments-1", "Name": "Production"},
    {"Id": "Environments-2", "Name": "Staging"},
]
# What a server of this name puts on a page, whatever is asked for.
MOST = 30


def package(number: int, repo: str = "larkspur/checkout-api") -> dict[str, Any]:
    return {
        "Branch": "main",
        "VcsType": "Git",
        "VcsRoot": f"https://github.com/{repo}.git",
        "VcsCommitNumber": sha(number),
        "Commits": [{"Id": sha(number), "LinkUrl": "https://github.com", "Comment": "Retry cards"}],
    }


def changes(number: int) -> list[dict[str, Any]]:
    """Some roll up the release before, some are of two repositories, some have no build information."""
    packages = [] if number % 40 == 6 else [package(number)]
    if number % 20 == 3:
        packages.append(package(number, "larkspur/ledger"))
    own = {"Version": f"1.{number}.0", "ReleaseNotes": "", "BuildInformation": packages, "Commits": []}
    before = {"Version": f"1.{number - 1}.0", "BuildInformation": [package(number - 1)], "Commits": []}
    return [own, before] if number % 10 == 8 else [own]


def deployment(number: int) -> dict[str, Any]:
    return {
        "Id": f"Deployments-{number}",
        "ReleaseId": f"Releases-{number}",
        "EnvironmentId": ENVIRONMENTS[number % 7 == 2]["Id"],
        "ProjectId": "Projects-42",
        "TaskId": f"ServerTasks-{number}",
        "Created": later(moment(number), milliseconds=125).replace("Z", "+00:00"),
        "Changes": changes(number),
        "Links": {"Web": f"/app#/Spaces-2/deployments/Deployments-{number}"},
    }


def task(number: int) -> dict[str, Any]:
    return {
        "Id": f"ServerTasks-{number}",
        "State": "Failed" if number % 11 == 5 else "Success",
        "CompletedTime": later(moment(number), minutes=7, milliseconds=250).replace("Z", "+00:00"),
    }


def answer(path: str, query: dict[str, str]) -> Any:
    numbers = range(COUNT + 3, -60, -1)
    rows: list[dict[str, Any]]
    if path == "/api/Spaces-2/projects/checkout":
        return {"Id": "Projects-42", "Slug": "checkout", "Name": "Checkout"}
    if path == "/api/Spaces-2/environments/all":
        return ENVIRONMENTS
    if path == "/api/Spaces-2/deployments":
        assert (query["projects"], query["taskState"]) == ("Projects-42", "Success")
        rows = [deployment(number) for number in numbers if task(number)["State"] == "Success"]
        rows = [row for row in rows if query.get("environments") in (None, row["EnvironmentId"])]
    elif path == "/api/Spaces-2/tasks":
        rows = [task(number) for number in numbers]
    elif path == "/api/Spaces-2/releases":
        # Retention took one away.
        rows = [
            {"Id": f"Releases-{number}", "Version": f"1.{number}.0"} for number in numbers if number != 100
        ]
    else:
        return None
    if "ids" in query:
        rows = [row for row in rows if row["Id"] in query["ids"].split(",")]
    skip, take = int(query["skip"]), min(int(query["take"]), MOST)
    more = {"Page.Next": f"{path}?skip={skip + take}&take={take}"} if skip + take < len(rows) else {}
    return {"Items": rows[skip : skip + take], "Links": more}


def live(number: int) -> list[dict[str, Any]]:
    """What the step reported in a deployment, at its end; its parameters came as Octopus' variables."""
    handed = {
        "Octopus.Release.Id": f"Releases-{number}",
        "Octopus.Deployment.Id": f"Deployments-{number}",
        "Octopus.Environment.Name": "Staging" if number % 7 == 2 else "Production",
        "Octopus.Release.Number": f"1.{number}.0",
        "Octopus.Deployment.Changes": json.dumps(changes(number)),
        "Octopus.Web.ServerUri": f"{PAST.url}/",
        "Octopus.Web.DeploymentLink": f"/app#/Spaces-2/deployments/Deployments-{number}",
        "GitDailies.Service": "api",
        "GitDailies.Time": task(number)["CompletedTime"],
    }
    read = OCTOPUS.ask({"get_octopusvariable": lambda name: handed.get(name, "")}, bytes)
    given = {name: text for name, text in OCTOPUS.inputs(read).items() if text}
    return reported(OCTOPUS, read, **given)


PAST = Past("octopus", answer, TOKEN, GIVEN, url="https://octopus.example.com")


def test_deployments_are_what_the_step_would_have_reported(tmp_path: Path) -> None:
    """Each deployment of a year that succeeded is the step's events, whole, through a 429 and cut pages."""
    fetched = PAST.fetch(tmp_path, {3: LIMITED, 4: CUT, 9: CUT, 10: LIMITED})

    numbers = [number for number in range(COUNT) if number % 11 != 5 and number % 40 != 6 and number != 100]
    expected = [event for number in numbers for event in live(number)]
    assert len(expected) > 200
    assert fetched.events == by_id(expected)
    assert {event["repo"] for event in expected} == {"larkspur/checkout-api", "larkspur/ledger"}
    assert any(len(event["commits"]) == 2 for event in expected)
    assert len({one for one in fetched.asked if "/deployments?" in one}) >= 3
    assert "note: 1 gave no event: a deployment whose release no longer exists" in fetched.printed
    assert "gave no event: repo: expected the repository" in fetched.printed


@pytest.mark.parametrize("what", reader.Around._fields)
def test_the_reason_names_the_deleted_part(what: str) -> None:
    """A deployment whose task, release or environment is gone is left out, and the reason names which."""
    around = reader.Around(task(1), {"Version": "1.1.0"}, ENVIRONMENTS[0])

    (one,) = reader.of_deployment(deployment(1), around._replace(**{what: None}), Inputs(), server="")

    assert one == Ignored(f"a deployment whose {what} no longer exists")


def test_a_deployment_that_failed_is_none() -> None:
    """A task in any state but success comes to a reason, whenever it was over."""
    around = reader.Around({"State": "Canceled"}, {"Version": "1.1.0"}, ENVIRONMENTS[0])

    (one,) = reader.of_deployment(deployment(1), around, Inputs(), server="")

    assert one == Ignored("the deployment did not succeed (failed)")


def test_an_unknown_environment_is_refused() -> None:
    """An environment that the space does not have is named, with those it has."""
    with pytest.raises(UsageError, match="environment=NAME with one of Production, Staging, got 'live'"):
        PAST.read(environment="live")


def test_a_server_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address nothing is asked for, and the option that gives it is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTOPUS_API_KEY", TOKEN)

    ran = CliRunner().invoke(
        gitdailies,
        ["history", "fetch", "octopus", "--since", "2025-01-01", "--with", "project=checkout", "--dry-run"],
    )

    assert isinstance(ran.exception, UsageError)
    assert "--api-url: expected an address like https://api.example.com" in str(ran.exception)
    assert str(ran.exception).endswith("got none")
