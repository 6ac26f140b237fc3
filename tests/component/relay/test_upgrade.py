"""A store of schema 0002 under this version: no row is lost, and every incident goes on.

`data/relay-0002.db` was written by the last version that had that schema, run as a process against a
receiver that answered WAITS with 500 and the start of BURIED with 400, and ended with SIGTERM. Its
deliveries are PagerDuty's, with event ids 01OF00010001 to 01OF00010013:

| incident | its state in the file |
| --- | --- |
| DONE | started and ended in two repositories, all four events delivered |
| OPEN | open, its start delivered |
| TARGET, MERGED | both starts delivered; MERGED ended by its merge into TARGET, which is open |
| HELD | at the source *filtered*, held back by its filter |
| BURIED | its start a dead letter, its end delivered |
| UNMAPPED | quarantined, because no line names its service |
| WAITS | start and end undelivered, the start tried twice |
| none | two quarantined bodies: one of an unknown shape, one that is not JSON |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Database

from tests.support import databases, released_stores
from tests.support.processes import eventually
from tests.support.relay import reports
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

FILE = Path(__file__).parent / "data/relay-0002.db"
# The files grow older every day, and retention is not what is tested here.
FOR_YEARS = "relay:\n  quarantine_days: 3650\n  delivered_days: 3650\n  closed_occurrence_days: 3650\n"
BURIED = "incident-dab4e37c72df5e425331559f2512a49a"


@dataclass(frozen=True)
class OldStore:
    """A filled store of an earlier schema, and the configuration of a relay for it."""

    config: Path
    database: Database


@pytest.fixture(params=databases.KINDS)
def old(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Iterator[OldStore]:
    with databases.setting(request.param, tables=None) as place:
        config = configure(tmp_path, url=receiver.url, store=place)
        config.write_text(config.read_text().replace("relay:\n", FOR_YEARS))
        (tmp_path / "relay.db").unlink(missing_ok=True)
        database = store.database_of(load(config).relay.store)
        released_stores.load(database, store.MIGRATIONS, released_stores.dump(FILE), tmp_path / "earlier")
        yield OldStore(config, database)


@pytest.fixture
def upgraded(old: OldStore) -> Iterator[Relay]:
    with in_thread(old.config) as running:
        yield running


def kinds(receiver: Receiver, incident: str) -> list[str]:
    return [one.event["kind"].removeprefix("incident").lower() for one in receiver.of(incident)]


def test_reports_are_those_of_the_old_store(old: OldStore) -> None:
    """Numbers, reasons and timelines of the upgraded store are those of the old one."""
    store.migrate(old.database)
    with store.reading(old.database) as connection:
        status, failed = reports.status(connection), reports.failed(connection)
        done, merged = reports.explain(connection, "DONE"), reports.explain(connection, "MERGED")
        came = "SELECT DISTINCT source, delivery FROM deliveries WHERE proof != 'replay'"
        deliveries = connection.execute(came).fetchall()
        days = connection.execute(
            "SELECT deliveries, longest_gap, last_at - first_at FROM source_days"
        ).fetchall()
    assert (status["waiting"], status["retrying"], status["deadLetters"]) == (2, 1, 1)
    assert status["quarantined"] == {"invalid_json": 1, "unexpected_payload": 1, "unmapped": 1}
    assert status["deliveries"] == {
        "filtered": {"ignored": 1},
        "pagerduty": {"ignored": 2, "invalid_json": 1, "stored": 9, "unexpected_payload": 1, "unmapped": 1},
    }
    assert sum(count for count, _, _ in days) == len(deliveries)
    assert all(gap >= 0 and span >= 0 for _, gap, span in days)
    (dead,) = failed["deadLetters"]
    assert (dead["id"], dead["incident"], dead["reason"]) == (BURIED, "BURIED", "answered 400: planted")
    assert [one["state"] for one in done["events"]] == ["delivered"] * 4
    assert [[a["verdict"] for a in one["attempts"]] for one in done["events"]] == [["delivered"]] * 4
    assert status["lastAttempt"]["verdict"] == "retry"
    (occurrence,) = merged["occurrences"]
    assert (occurrence["state"], occurrence["mergedInto"]) == ("merged", "TARGET")


def test_open_held_and_merged_incidents_go_on(upgraded: Relay, receiver: Receiver) -> None:
    """An end follows its start, a merge ends with its target, and a held incident starts when it passes."""
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
