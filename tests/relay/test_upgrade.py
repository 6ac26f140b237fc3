"""A store of schema 0001 under this version: nothing in it is lost, and all of it goes on.

`data/relay-0001.db` was written by the first release, run as a process against a receiver that answered
WAITS with 500 and the start of BURIED with 400, and ended with SIGTERM. Its deliveries are PagerDuty's,
with event ids 01OF00010001 to 01OF00010013:

| incident | stands in the file as |
| --- | --- |
| DONE | started and ended in two repositories, all four events delivered |
| OPEN | open, its start delivered |
| TARGET, MERGED | both starts delivered; MERGED ended by its merge into TARGET, which is open |
| HELD | at the source *filtered*, held back by its filter |
| BURIED | its start buried, its end delivered |
| UNMAPPED | kept, since nothing was said about its service |
| WAITS | start and end undelivered, the start tried twice |
| none | two bodies that are kept: one of an unknown shape, one that is no JSON |
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_relay.operations import reports
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.processes import eventually, run
from tests.relay.deliveries import ENDED_AT, Delivery, pagerduty
from tests.relay.receiver import Receiver
from tests.relay.running import Relay, configure, in_thread

OLD = Path(__file__).parent / "data" / "relay-0001.db"
CONFIG = "gitdailies.yml"
# The file grows older every day; what is tested here is not what goes after its time.
FOR_YEARS = "relay:\n  keep_days: 3650\n  delivered_days: 3650\n  closed_period_days: 3650\n"
WAITING = ["incident-f1c5f72c649d4708b95eec0c67af8fe7", "incident-ccce71a212136b48ccd8f0f84004b2b6"]
BURIED = "incident-dab4e37c72df5e425331559f2512a49a"


def copied(folder: Path, url: str) -> Path:
    """Put the old store and a configuration for it into *folder*; return the configuration."""
    shutil.copy(OLD, folder / "relay.db")
    file = configure(folder, url=url)
    file.write_text(file.read_text().replace("relay:\n", FOR_YEARS))
    return file


def sent(word: str, incident: str, number: int, **more: str) -> Delivery:
    """Make a delivery again that stands in the old file."""
    return pagerduty(word, incident, event=f"01OF0001{number:04}", **more)


@pytest.fixture
def upgraded(tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    with in_thread(copied(tmp_path, receiver.url)) as running:
        yield running


def kinds(receiver: Receiver, incident: str) -> list[str]:
    return [one.event["kind"].removeprefix("incident").lower() for one in receiver.of(incident)]


def test_all_that_stood_in_it_stands_in_it_after_the_upgrade(tmp_path: Path) -> None:
    """Numbers, reasons and stories told of the upgraded file are those of the old one."""
    shutil.copy(OLD, tmp_path / "relay.db")
    store.migrate(SqliteDatabase(tmp_path / "relay.db"))
    with store.reading(SqliteDatabase(tmp_path / "relay.db")) as connection:
        told, failed = reports.status(connection), reports.failed(connection)
        done, merged = reports.explain(connection, "DONE"), reports.explain(connection, "MERGED")
    assert (told["waiting"], told["retrying"], told["buried"]) == (2, 1, 1)
    assert told["kept"] == {"shape": 1, "unmapped": 1, "unreadable": 1}
    assert told["deliveries"] == {
        "filtered": {"ignored": 1},
        "pagerduty": {"ignored": 2, "shape": 1, "stored": 9, "unmapped": 1, "unreadable": 1},
    }
    (buried,) = failed["buried"]
    assert (buried["id"], buried["incident"], buried["reason"]) == (BURIED, "BURIED", "answered 400: planted")
    assert [one["state"] for one in done["events"]] == ["delivered"] * 4
    assert [len(one["attempts"]) for one in done["events"]] == [1] * 4
    (period,) = merged["periods"]
    assert (period["state"], period["mergedInto"]) == ("merged", "TARGET")


def test_what_waited_is_delivered_in_order_and_nothing_else(upgraded: Relay, receiver: Receiver) -> None:
    """Start and end that waited go out with the ids they had; what was delivered before does not go again."""
    eventually(lambda: upgraded.status()["waiting"] == 0)
    assert [one.id for one in receiver.arrivals] == WAITING
    assert kinds(receiver, "WAITS") == ["started", "resolved"]


def test_repeats_of_old_deliveries_are_known(upgraded: Relay, receiver: Receiver) -> None:
    """A delivery that the old version took is answered with the ids that it was answered then."""
    told = sent("incident.triggered", "WAITS", 12).post(upgraded.url)
    assert (told.status_code, told.json()["events"]) == (202, WAITING[:1])
    ended = sent("incident.resolved", "DONE", 2, at=ENDED_AT, service="ledger").post(upgraded.url)
    assert (ended.status_code, len(ended.json()["events"])) == (202, 2)
    eventually(lambda: upgraded.status()["waiting"] == 0)
    assert [one.id for one in receiver.arrivals] == WAITING


def test_open_held_and_merged_incidents_go_on(upgraded: Relay, receiver: Receiver) -> None:
    """Ends go where starts went, a merge ends with its target, what was held starts when it passes."""
    assert pagerduty("incident.resolved", "OPEN", at=ENDED_AT).post(upgraded.url).status_code == 202
    both = pagerduty("incident.resolved", "TARGET", at=ENDED_AT).post(upgraded.url)
    assert (both.status_code, len(both.json()["events"])) == (202, 2)
    passes = pagerduty("incident.priority_updated", "HELD", source="filtered", priority=None)
    assert passes.post(upgraded.url).status_code == 202
    eventually(lambda: upgraded.status()["waiting"] == 0)
    assert kinds(receiver, "OPEN") == kinds(receiver, "TARGET") == kinds(receiver, "MERGED") == ["resolved"]
    assert receiver.of("MERGED")[0].event["mergedInto"] == "TARGET"
    (started,) = receiver.of("HELD")
    assert (started.event["kind"], started.event["time"]) == ("incidentStarted", "2026-03-04T09:12:41Z")


def test_what_was_buried_and_kept_can_be_replayed(tmp_path: Path, receiver: Receiver) -> None:
    """The buried start goes out with its old id; with its service under services the unmapped one counts."""
    file = copied(tmp_path, receiver.url)
    file.write_text(file.read_text().replace("services:\n", "services:\n  warehouse: {repo: larkspur/wms}\n"))
    with in_thread(file) as relay:
        told = run("relay", "replay", "--all", "--config", CONFIG, folder=tmp_path).stdout
        eventually(lambda: relay.status()["waiting"] == 0)
        failed = relay.failed()
    assert f"{BURIED}: put back" in told
    assert [one.id for one in receiver.of("BURIED")] == [BURIED]
    (counted,) = receiver.of("UNMAPPED")
    assert (counted.event["kind"], counted.event["repo"]) == ("incidentStarted", "larkspur/wms")
    assert failed["buried"] == []
    assert [one["why"] for one in failed["kept"]] == ["shape", "unreadable"]
