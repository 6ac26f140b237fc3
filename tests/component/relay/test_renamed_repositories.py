"""Renamed repositories: what goes on under the new name, and what GitHub tells of a renaming."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import ended, eventually
from tests.support.relay import deploys
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

OLD, NEW = "larkspur/checkout-api", "larkspur/till"
LINE = f"repositories: {{{NEW}: {{was: [{OLD}]}}}}"


@pytest.fixture
def relay(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    file = configure(tmp_path, url=receiver.url)
    deploys.add_sources(tmp_path)
    with in_thread(file) as running:
        yield running


def paste(relay: Relay, line: str) -> None:
    """Add a line to gitdailies.yml, and have the relay read it."""
    relay.edit("sources:", f"{line}\nsources:")


RENAMED = {"repository": {"name": {"from": "checkout-api"}}}
# GitHub's description of its API has an organization beside the user; octokit's examples have users alone.
MOVED = {"owner": {"from": {"organization": {"login": "larkspur-labs"}}}}


def told(action: str, changes: Any) -> Any:
    """The delivery by which GitHub tells that the repository has its new name."""
    repository = {"name": "till", "full_name": NEW, "owner": {"login": "larkspur"}}
    return deploys.github("repository", {"action": action, "changes": changes, "repository": repository})


def checked(relay: Relay) -> list[str]:
    """What `gitdailies check` tells to do about repositories that have new names."""
    folder, text = relay.file.parent, relay.file.read_text()
    # The receiver of these tests takes events alone.
    (folder / "check.yml").write_text(re.sub(r"url: http\S+", "url: http://127.0.0.1:1/webhooks", text))
    done = ended("check", "check.yml", "--json", folder=folder, environ=os.environ)
    findings = json.loads(done.stdout)["findings"]
    return [one["remedy"] for one in findings if " is called " in one["text"]]


def test_a_line_with_a_former_name_counts_for_the_present_one(relay: Relay, receiver: Receiver) -> None:
    """An incident that is open ends where it began, and a new one starts under the present name."""
    pagerduty("incident.triggered", "Q1").post(relay.url)
    eventually(lambda: receiver.of("Q1"))
    paste(relay, LINE)
    pagerduty("incident.triggered", "Q1").post(relay.url)
    pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(relay.url)
    pagerduty("incident.triggered", "Q2").post(relay.url)
    eventually(lambda: receiver.of("Q2") and len(receiver.of("Q1")) == 2)
    assert [(one.event["kind"], one.event["repo"]) for one in receiver.of("Q1")] == [
        ("incidentStarted", OLD),
        ("incidentResolved", OLD),
    ]
    assert [one.event["repo"] for one in receiver.of("Q2")] == [NEW]


def test_deploys_and_pushes_under_a_former_name_are_of_the_present_one(
    relay: Relay, receiver: Receiver
) -> None:
    """A deploy under the present name brings what was pushed under the former one."""
    one, two = "1" * 40, "2" * 40
    paste(relay, LINE)
    deploys.deployment_status(OLD, one, at=deploys.minutes_ago(9)).post(relay.url)
    deploys.push(OLD, one, [(two, deploys.minutes_ago(8))]).post(relay.url)
    deploys.deployment_status(NEW, two, at=deploys.minutes_ago(7)).post(relay.url)
    eventually(lambda: len(receiver.arrivals) == 2, 20)
    events = [arrival.event for arrival in receiver.arrivals]
    assert [event["repo"] for event in events] == [NEW, NEW]
    assert [commit["sha"] for commit in events[1]["commits"]] == [two]


@pytest.mark.parametrize(
    ("action", "changes", "former"),
    [("renamed", RENAMED, OLD), ("transferred", MOVED, "larkspur-labs/till")],
)
def test_the_status_has_the_line_until_it_is_pasted(
    relay: Relay, action: str, changes: Any, former: str
) -> None:
    """GitHub's delivery is quarantined with the line to paste; with it, a replay settles the matter."""
    line = f"repositories: {{{NEW}: {{was: [{former}]}}}}"
    assert told(action, changes).post(relay.url).json()["status"] == "quarantined"
    (alert,) = relay.status()["alerts"]
    assert alert["text"].endswith(f": {line}.")
    assert checked(relay) == [f"add this to gitdailies.yml, here and at the DORA server: {line}"]
    paste(relay, line)
    assert checked(relay) == []
    assert relay.status()["alerts"] == []
    relay.command("replay", "--all")
    assert relay.status()["alerts"] == []
    assert told(action, changes).post(relay.url).status_code == 200
    assert relay.status()["alerts"] == []
