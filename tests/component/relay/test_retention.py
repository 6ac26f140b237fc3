"""Rows that are deleted after their time, and rows that never are."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import RelaySettings, StoreSetting
from gitdailies_core.reasons import FILTERED, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources.protocol import RESOLVED, STARTED, UPDATED, Change, Ignored
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.operations.acting import note
from gitdailies_relay.store import outbox, retention, store
from gitdailies_relay.store.retention import delete_expired, find_expired
from gitdailies_server.storage.database import Database, Session, transaction
from gitdailies_server.storage.timestamps import now_us

from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.processes import eventually
from tests.support.relay.bench import BEGAN
from tests.support.relay.deliveries import pagerduty, signed
from tests.support.relay.running import configure, in_thread

DAY_US = 86_400_000_000
SETTINGS = RelaySettings(StoreSetting("sqlite", path=Path("relay.db")))
LONG_AGO = 400
PLANTED = Reason(UNEXPECTED_PAYLOAD, "planted")


@dataclass(frozen=True)
class Shelf:
    """A store on either database, as one connection of it."""

    database: Database
    session: Session

    def put(self, given: Delivery, days: float = 0.0) -> Accepted:
        """Accept a delivery as if that many days ago."""
        aged = given._replace(received_at=now_us() - int(days * DAY_US))
        (accepted,) = accept(store.acceptance_store(self.database, self.session), [aged])
        return accepted

    def due(self) -> list[outbox.ReadyEvent]:
        return outbox.ready(self.session, self.database.as_bytes, now_us(), now_us(), 1000)

    def deliver(self, days: float) -> None:
        """Take every event as delivered, that many days ago."""
        at = now_us() - int(days * DAY_US)
        while due := self.due():
            outbox.record(self.session, [outbox.Attempt(one.seq, at, 202, outbox.DELIVERED) for one in due])

    def pruned(self, settings: RelaySettings = SETTINGS, days_ago: float = 0.0) -> dict[str, int]:
        """Prune until nothing is left to prune; return how many rows each table has."""
        while found := find_expired(self.session, settings, now_us() - int(days_ago * DAY_US)):
            self.database.begin(self.session)
            delete_expired(self.session, found)
            self.database.commit(self.session)
        tables = ("attempts", "deliveries", "events", "ignored", "occurrences", "outbox", "quarantine")
        return {table: self.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.session.execute(statement).fetchall()
        return found


@pytest.fixture(params=databases.KINDS)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    with databases.opened(request.param, tmp_path, tables=RELAY) as again:
        database = again()
        with contextlib.closing(database.connect()) as session:
            yield Shelf(database, session)


def message_of(
    incident: str, state: str, *, refusal: Reason | None = None, into: str | None = None
) -> Delivery:
    change = Change(
        state=state,
        word=state,
        incident=incident,
        at=BEGAN + timedelta(hours=state != STARTED),
        merged=into is not None,
        merged_into=into,
    )
    targets = () if refusal else (DeployTarget("larkspur/shop"),)
    one = RoutedMessage(change, f"{incident}-{state}", targets, refusal)
    return Delivery(f"d-{incident}-{state}", now_us(), "default", Interpretation("test", "", b"", "", (one,)))


def test_delivered_events_go_after_their_days_with_their_attempts(shelf: Shelf) -> None:
    """Seven days after delivery an event and its attempts are deleted, and not before."""
    for incident, days in (("old", 7.1), ("young", 6.9)):
        shelf.put(message_of(incident, STARTED), days)
        shelf.deliver(days)
    left = shelf.pruned()

    assert (left["events"], left["attempts"], left["deliveries"], left["occurrences"]) == (1, 1, 2, 2)
    assert shelf.rows("SELECT incident FROM events") == [("young",)]


def test_what_is_not_delivered_is_never_pruned(shelf: Shelf) -> None:
    """Events that wait and dead letters stay however old they are, with their attempts."""
    shelf.put(message_of("waits", STARTED), LONG_AGO)
    shelf.put(message_of("refused", STARTED), LONG_AGO)
    (waits, refused) = shelf.due()
    long_ago = now_us() - LONG_AGO * DAY_US
    again = outbox.Attempt(waits.seq, long_ago, 500, outbox.RETRY, "answered 500", long_ago)
    dead_letter = outbox.Attempt(refused.seq, long_ago, 400, outbox.DEAD_LETTER, "answered 400")
    outbox.record(shelf.session, [again, dead_letter])
    left = shelf.pruned()

    assert (left["events"], left["outbox"], left["attempts"]) == (2, 2, 2)


def test_open_held_and_merged_occurrences_are_never_pruned(shelf: Shelf) -> None:
    """An occurrence that may still end stays, however old, and its end follows its start."""
    shelf.put(message_of("open", STARTED), LONG_AGO)
    shelf.put(message_of("held", STARTED, refusal=Reason(FILTERED, "filtered")), LONG_AGO)
    shelf.put(message_of("target", STARTED), LONG_AGO)
    shelf.put(message_of("merged", STARTED), LONG_AGO)
    shelf.put(message_of("merged", RESOLVED, into="target"), LONG_AGO)
    shelf.deliver(LONG_AGO)
    left = shelf.pruned()
    assert (left["events"], left["deliveries"]) == (0, 0)
    states = dict(shelf.rows("SELECT incident, state FROM occurrences"))
    assert states == {"open": "open", "held": "held", "target": "open", "merged": "merged"}

    shelf.put(message_of("open", RESOLVED), 0)
    shelf.put(message_of("held", UPDATED), 0)
    shelf.put(message_of("target", RESOLVED), 0)
    kinds = shelf.rows("SELECT incident, body FROM events ORDER BY seq")
    assert [(name, "Started" in body) for name, body in kinds] == [
        ("open", False),
        ("held", True),
        ("target", False),
        ("merged", False),
    ]


def test_closed_occurrences_and_known_ids_stay_for_ninety_days(shelf: Shelf) -> None:
    """Within ninety days a late repeat adds nothing; after them the closed occurrence is gone."""
    for incident, days in (("old", 90.1), ("young", 89.9)):
        shelf.put(message_of(incident, STARTED), days)
        shelf.put(message_of(incident, RESOLVED), days)
        shelf.deliver(days)
    left = shelf.pruned()

    assert (left["occurrences"], left["deliveries"]) == (1, 2)
    repeat = shelf.put(message_of("young", STARTED))
    assert (repeat.repeated, len(repeat.events)) == (True, 1)
    assert shelf.rows("SELECT count(*) FROM outbox") == [(0,)]


def quarantine(shelf: Shelf, name: str, days: float, size: int = 10) -> None:
    reading = Interpretation("test", "", b"x" * size, "", (), PLANTED)
    shelf.put(Delivery(name, now_us(), "default", reading), days)


def ignored(shelf: Shelf, name: str, days: float, size: int = 100) -> None:
    """Store the body of an ignored delivery, received that many days ago."""
    message = RoutedMessage(Ignored("a ping"), name)
    reading = Interpretation("pagerduty", "application/json", b"x" * size, "pd", (message,))
    shelf.put(Delivery(name, now_us(), "default", reading), days)


def quarantined(shelf: Shelf) -> list[str]:
    return [name for (name,) in shelf.rows("SELECT delivery FROM quarantine ORDER BY seq")]


def test_quarantined_bodies_are_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound those go first that were replayed, then the oldest."""
    monkeypatch.setattr(retention, "BODY_BYTES", 2500)
    for name in ("a", "b", "c", "replayed"):
        quarantine(shelf, name, 1, size=1000)
    shelf.session.execute("UPDATE quarantine SET replayed_at = 1 WHERE delivery = 'replayed'")
    shelf.pruned()
    assert quarantined(shelf) == ["b", "c"]


def test_bodies_of_ignored_deliveries_are_bounded(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound the oldest go first, and the quarantine is not touched for them."""
    monkeypatch.setattr(retention, "BODY_BYTES", 2500)
    quarantine(shelf, "unread", 1, size=2000)
    for name in ("a", "b", "c"):
        ignored(shelf, name, 1, size=1000)
    shelf.pruned()
    assert shelf.rows("SELECT delivery FROM ignored ORDER BY seq") == [("b",), ("c",)]
    assert quarantined(shelf) == ["unread"]


@pytest.mark.parametrize(("quarantine_days", "filtered_days"), [(120, 7), (30, 120)])
def test_an_occurrence_outlives_every_body_about_it(
    shelf: Shelf, quarantine_days: float, filtered_days: float
) -> None:
    """As long as a body can be replayed, the record that says that it was counted is there."""
    shelf.put(message_of("A", STARTED), 100)
    shelf.put(message_of("A", RESOLVED), 100)
    settings = replace(SETTINGS, quarantine_days=quarantine_days, filtered_days=filtered_days)
    assert shelf.pruned(settings)["occurrences"] == 1
    assert shelf.pruned()["occurrences"] == 0


def test_every_number_of_days_is_a_setting(shelf: Shelf) -> None:
    """With every setting at one day, all rows of two days ago are deleted."""
    quarantine(shelf, "unread", 2)
    shelf.put(message_of("A", STARTED), 2)
    shelf.put(message_of("A", RESOLVED), 2)
    ignored(shelf, "pinged", 2)
    shelf.deliver(2)
    settings = replace(
        SETTINGS, delivered_days=1, quarantine_days=1, filtered_days=1, closed_occurrence_days=1
    )
    assert set(shelf.pruned(settings).values()) == {0}


def test_a_running_relay_prunes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old rows are deleted while deliveries come in, and a fault of the store does not stop that."""
    monkeypatch.setattr(retention, "_PRUNE_SECONDS", 0.05)
    real, faults = retention.find_expired, [sqlite3.OperationalError("planted")]

    def sometimes(*rest: Any, **more: Any) -> Any:
        if faults:
            raise faults.pop()
        return real(*rest, **more)

    monkeypatch.setattr(retention, "find_expired", sometimes)
    with in_thread(configure(tmp_path)) as relay:
        signed(b"{}").post(relay.url)
        with transaction(relay.database) as session:
            session.execute("UPDATE quarantine SET received_at = 0")
        eventually(lambda: relay.failed()["quarantined"] == [])
        assert relay.logged("store cannot be pruned")
        assert pagerduty("incident.triggered", "Q1").post(relay.url).status_code == 202


def test_what_a_source_sent_last_and_how_often_outlives_its_deliveries(shelf: Shelf) -> None:
    """After ninety days only the last day of each source is left, and the counts of its messages stay."""
    for number, days in enumerate((300, 200, 100)):
        shelf.put(message_of(f"Q{number}", STARTED), days)
        shelf.put(message_of(f"Q{number}", RESOLVED), days)
        shelf.deliver(days)
    note(shelf.session, "discarded", ["d1"], person="somebody", reason="planted")
    assert shelf.pruned()["deliveries"] == 0
    ((deliveries, last_at),) = shelf.rows("SELECT deliveries, last_at FROM source_days")
    assert (deliveries, round((now_us() - last_at) / DAY_US)) == (2, 100)
    assert shelf.rows("SELECT outcome, messages FROM outcome_counts") == [("stored", 6)]
    assert shelf.rows("SELECT count(*) FROM actions") == [(1,)]
    shelf.pruned(days_ago=-100)
    assert shelf.rows("SELECT count(*) FROM actions") == [(0,)]
