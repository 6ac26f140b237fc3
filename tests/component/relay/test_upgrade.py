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

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.errors import StoreUnavailable
from gitdailies_relay.store import store
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database

from tests.support import databases
from tests.support.processes import eventually, run
from tests.support.relay import reports
from tests.support.relay.deliveries import ENDED_AT, Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread

FILE = Path(__file__).parent / "data/relay-0002.db"
CONFIG = "gitdailies.yml"
# The files grow older every day, and retention is not what is tested here.
FOR_YEARS = "relay:\n  quarantine_days: 3650\n  delivered_days: 3650\n  closed_occurrence_days: 3650\n"
WAITING = ["incident-f1c5f72c649d4708b95eec0c67af8fe7", "incident-ccce71a212136b48ccd8f0f84004b2b6"]
BURIED = "incident-dab4e37c72df5e425331559f2512a49a"
TABLES = ("deliveries", "kept", "periods", "events", "pending", "attempts", "destinations")
# The renames of schema 0007: tables, columns, and words in a column.
RENAMED_TABLES = {"kept": "quarantine", "periods": "occurrences", "pending": "outbox"}
RENAMED_COLUMNS = {
    "why": "code",
    "head": "is_next",
    "buried": "dead_letter",
    "claimed_until": "leased_until",
}
RENAMED_WORDS = {
    ("deliveries", "outcome"): {"shape": "unexpected_payload", "unreadable": "invalid_json"},
    ("kept", "why"): {"shape": "unexpected_payload", "unreadable": "invalid_json"},
    ("attempts", "verdict"): {"done": "delivered", "again": "retry", "buried": "dead_letter"},
}


@dataclass(frozen=True)
class OldStore:
    """A filled store of an earlier schema, and the configuration of a relay for it."""

    config: Path
    database: Database

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table in the order of their first columns."""
        with contextlib.closing(self.database.connect()) as session:
            cursor = session.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return sorted(rows, key=lambda row: [str(row[name]).zfill(20) for name in columns[:3]])


@pytest.fixture(params=databases.KINDS)
def old(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Iterator[OldStore]:
    with contextlib.ExitStack() as stack:
        place = "sqlite:relay.db"
        if request.param == "postgresql":
            place = stack.enter_context(databases.postgresql_url())
        config = configure(tmp_path, url=receiver.url, store=place)
        config.write_text(config.read_text().replace("relay:\n", FOR_YEARS))
        database = store.database_of(load(config).relay.store)
        if request.param == "sqlite":
            shutil.copy(FILE, tmp_path / "relay.db")
        else:
            copy_rows(database, tmp_path / "earlier")
        yield OldStore(config, database)


def copy_rows(database: Database, folder: Path) -> None:
    """Make a PostgreSQL store of schema 0002 with the rows of the file."""
    (folder / "versions").mkdir(parents=True)
    for script in (store.MIGRATIONS / "versions").glob("*.py"):
        if script.name[:4] <= "0002":
            shutil.copy(script, folder / "versions")
    migrations.upgrade(database, folder)
    with (
        contextlib.closing(sqlite3.connect(FILE)) as source,
        contextlib.closing(database.connect()) as session,
    ):
        database.begin(session)
        for table in TABLES:
            cursor = source.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            places = ", ".join("?" for _ in columns)
            session.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", cursor.fetchall()
            )
            if columns[0] == "seq":
                session.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), max(seq)) FROM {table}"
                )
        database.commit(session)


def sent(word: str, incident: str, number: int, **more: str) -> Delivery:
    """Make a delivery again that is in the old file."""
    return pagerduty(word, incident, event=f"01OF0001{number:04}", **more)


@pytest.fixture
def upgraded(old: OldStore) -> Iterator[Relay]:
    with in_thread(old.config) as running:
        yield running


def kinds(receiver: Receiver, incident: str) -> list[str]:
    return [one.event["kind"].removeprefix("incident").lower() for one in receiver.of(incident)]


def in_new_words(table: str, row: dict[str, Any]) -> dict[str, Any]:
    renamed = {
        RENAMED_COLUMNS.get(column, column): RENAMED_WORDS.get((table, column), {}).get(value, value)
        for column, value in row.items()
    }
    added = {"leased_until": None, "refusals": 0, "refused_at": None}
    return renamed if table != "pending" else {**added, **renamed}


def test_every_row_survives_with_the_new_words(old: OldStore) -> None:
    """After the upgrade each table has the rows that it had, with the new names and words."""
    before = {table: old.rows(table) for table in TABLES}
    store.migrate(old.database)
    for table in TABLES:
        expected = [in_new_words(table, row) for row in before[table]]
        found = old.rows(RENAMED_TABLES.get(table, table))
        assert [
            {column: row[column] for column in wanted} for row, wanted in zip(found, expected, strict=True)
        ] == expected
    assert {row["verdict"] for row in old.rows("attempts")} == {"delivered", "retry", "dead_letter"}


def test_an_upgrade_that_fails_leaves_the_old_schema(old: OldStore) -> None:
    """A fault in the middle undoes the whole step; the next start finishes it."""
    with contextlib.closing(old.database.connect()) as session:
        session.execute("CREATE INDEX outbox_due ON attempts (at)")
    before = old.rows("kept")
    with pytest.raises(StoreUnavailable, match="outbox_due"):
        store.migrate(old.database)
    assert old.rows("kept") == before
    with contextlib.closing(old.database.connect()) as session:
        assert old.database.schema_version(session) == "0002"
        session.execute("DROP INDEX outbox_due")
    store.migrate(old.database)
    assert len(old.rows("quarantine")) == len(before)


def test_reports_are_those_of_the_old_store(old: OldStore) -> None:
    """Numbers, reasons and timelines of the upgraded store are those of the old one."""
    store.migrate(old.database)
    with store.reading(old.database) as connection:
        status, failed = reports.status(connection), reports.failed(connection)
        done, merged = reports.explain(connection, "DONE"), reports.explain(connection, "MERGED")
    assert (status["waiting"], status["retrying"], status["deadLetters"]) == (2, 1, 1)
    assert status["quarantined"] == {"invalid_json": 1, "unexpected_payload": 1, "unmapped": 1}
    assert status["deliveries"] == {
        "filtered": {"ignored": 1},
        "pagerduty": {"ignored": 2, "invalid_json": 1, "stored": 9, "unexpected_payload": 1, "unmapped": 1},
    }
    deliveries = {
        (row["source"], row["delivery"]) for row in old.rows("deliveries") if row["proof"] != "replay"
    }
    days = old.rows("source_days")
    assert sum(row["deliveries"] for row in days) == len(deliveries)
    assert all(row["first_at"] <= row["last_at"] and row["longest_gap"] >= 0 for row in days)
    (dead,) = failed["deadLetters"]
    assert (dead["id"], dead["incident"], dead["reason"]) == (BURIED, "BURIED", "answered 400: planted")
    assert [one["state"] for one in done["events"]] == ["delivered"] * 4
    assert [len(one["attempts"]) for one in done["events"]] == [1] * 4
    (occurrence,) = merged["occurrences"]
    assert (occurrence["state"], occurrence["mergedInto"]) == ("merged", "TARGET")


def test_what_waited_is_delivered_in_order_and_nothing_else(upgraded: Relay, receiver: Receiver) -> None:
    """A waiting start and end are sent with the ids they had, and delivered events are not sent again."""
    eventually(lambda: upgraded.status()["waiting"] == 0)
    assert [one.id for one in receiver.arrivals] == WAITING
    assert kinds(receiver, "WAITS") == ["started", "resolved"]


def test_repeats_of_old_deliveries_are_known(upgraded: Relay, receiver: Receiver) -> None:
    """A delivery that the old version took is answered with the same ids as then."""
    again = sent("incident.triggered", "WAITS", 12).post(upgraded.url)
    assert (again.status_code, again.json()["events"]) == (202, WAITING[:1])
    ended = sent("incident.resolved", "DONE", 2, at=ENDED_AT, service="ledger").post(upgraded.url)
    assert (ended.status_code, len(ended.json()["events"])) == (202, 2)
    eventually(lambda: upgraded.status()["waiting"] == 0)
    assert [one.id for one in receiver.arrivals] == WAITING


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


def test_dead_letters_and_quarantined_deliveries_can_be_replayed(old: OldStore, receiver: Receiver) -> None:
    """The dead letter is sent with its old id; with a line for its service the unmapped one counts."""
    file = old.config
    file.write_text(file.read_text().replace("services:\n", "services:\n  warehouse: {repo: larkspur/wms}\n"))
    with in_thread(file) as relay:
        printed = run("relay", "replay", "--all", "--config", CONFIG, folder=file.parent).stdout
        eventually(lambda: relay.status()["waiting"] == 0)
        failed = relay.failed()
    assert f"{BURIED}: requeued" in printed
    assert [one.id for one in receiver.of("BURIED")] == [BURIED]
    (counted,) = receiver.of("UNMAPPED")
    assert (counted.event["kind"], counted.event["repo"]) == ("incidentStarted", "larkspur/wms")
    assert failed["deadLetters"] == []
    assert [one["code"] for one in failed["quarantined"]] == ["unexpected_payload", "invalid_json"]
