"""`gitdailies erase` and the relay's store: no text is left, nothing counts twice, what waits goes on."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.values.erased_text import ErasedText
from gitdailies_relay.operations.erase import erase
from gitdailies_relay.store.source_fields import COLUMN, TABLE
from gitdailies_relay.store.store import MIGRATIONS, reading
from gitdailies_relay.store.text_of_people import TEXTS
from gitdailies_server.storage.database import transaction
from gitdailies_server.storage.erasing import Erasure

from tests.support.databases import KINDS, setting
from tests.support.erasing import columns, columns_with_text, files_with, tables_with
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, Delivery, pagerduty, signed
from tests.support.relay.receiver import ACCEPTED, Arrival, Receiver, answer, receiving
from tests.support.relay.running import Relay, configure, in_thread

ADDED = f"{COLUMN.format('')}; {TABLE.format('WITHOUT ROWID')}"
TABLES = sorted(columns(MIGRATIONS, ADDED))
KIM = "Kim Larkspur"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(params=KINDS)
def relay(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Iterator[Relay]:
    with setting(str(request.param)) as store:
        file = configure(tmp_path, url=receiver.url, store=store)
        text = file.read_text()
        file.write_text(text.replace("{adapter: pagerduty, ", "{adapter: pagerduty, keep_people: true, "))
        with in_thread(file) as running:
            yield running


def titled(word: str, incident: str, title: str = f"Checkout fails, says {KIM}", **more: Any) -> Delivery:
    return pagerduty(word, incident, title=title, **more)


def counts(relay: Relay, **what: Any) -> dict[str, int]:
    """Erase, and take it out of free space, as the command does; return what was counted."""
    planned = erase(relay.database, Erasure(**what), dry=True)
    erased = erase(relay.database, Erasure(**what))
    assert planned == erased
    assert eventually(lambda: relay.database.scrub() == "")
    return dict(+erased.counts)


def nothing_left(relay: Relay, text: str = KIM) -> bool:
    return (tables_with(relay.database, TABLES, text), files_with(relay.database, text)) == (set(), [])


def fill(relay: Relay, receiver: Receiver) -> None:
    """One event delivered, one a dead letter with one behind it, one body quarantined, and one ignored."""

    def script(arrival: Arrival) -> bytes:
        if (arrival.event["incidentId"], arrival.event["kind"]) == ("BAD", "incidentStarted"):
            return answer("400 Bad Request", f'{{"error": "no title of {KIM}"}}'.encode())
        return ACCEPTED

    receiver.script = script
    titled("incident.triggered", "GOOD").post(relay.url)
    eventually(lambda: receiver.of("GOOD"))
    titled("incident.triggered", "BAD").post(relay.url)
    eventually(lambda: receiver.of("BAD"))
    titled("incident.triggered", "Q1", service="unknown-service").post(relay.url)
    titled("incident.acknowledged", "GOOD").post(relay.url)


def test_a_text_is_replaced_everywhere(relay: Relay, receiver: Receiver) -> None:
    """Events, bodies, answers and audit texts lose the text, and what waits is sent without it."""
    fill(relay, receiver)
    with transaction(relay.database) as session:
        session.execute(
            "INSERT INTO actions (at, person, action, subject, reason) VALUES (1, ?, 'closed', 'x', ?)",
            ("kim larkspur", f"as {KIM} said"),
        )
    found = counts(relay, text=ErasedText.make(KIM))
    assert nothing_left(relay)
    assert (found["event"], found["quarantined body"], found["ignored body"], found["audit text"]) == (
        2,
        1,
        1,
        1,
    )
    bodies = [json.loads(body)["title"] for body in values(relay, "SELECT body FROM events")]
    assert set(bodies) == {"Checkout fails, says [erased]"}


def values(relay: Relay, query: str) -> list[Any]:
    with reading(relay.database) as session:
        return [value for (value,) in session.execute(query).fetchall()]


def test_an_erased_event_leaves_no_text_and_is_not_sent(relay: Relay, receiver: Receiver) -> None:
    """A waiting event goes with its attempts. A redelivery is a repeat, and the next event is sent."""
    fill(relay, receiver)
    (bad,) = values(relay, "SELECT e.id FROM events e WHERE e.incident = 'BAD'")
    (good,) = values(relay, "SELECT e.id FROM events e WHERE e.incident = 'GOOD'")
    again = titled("incident.triggered", "GOOD", event="01SAME")
    again.post(relay.url)
    titled("incident.resolved", "BAD", at=ENDED_AT, title="ended").post(relay.url)
    found = counts(relay, events=(bad, good))
    assert (found["event"], found.get("undelivered event", 0) + found.get("dead letter", 0)) == (2, 1)
    eventually(lambda: [one.event["kind"] for one in receiver.of("BAD")][-1:] == ["incidentResolved"])
    assert values(relay, "SELECT id FROM events WHERE incident = 'GOOD'") == []

    before = len(receiver.arrivals)
    assert titled("incident.triggered", "GOOD").post(relay.url).json().get("events", []) == []
    assert len(receiver.arrivals) == before


def test_a_delivery_is_erased_by_its_id(relay: Relay, receiver: Receiver) -> None:
    """A quarantined delivery is named by its own id; its body and its reason go. Another id is unknown."""
    fill(relay, receiver)
    (delivery,) = values(relay, "SELECT delivery FROM quarantine")
    assert counts(relay, events=(delivery,)) == {"quarantined body": 1, "delivery text": 1}
    assert values(relay, "SELECT delivery FROM quarantine") == []
    assert erase(relay.database, Erasure(events=(delivery, "d-nothing"))).unknown == ["d-nothing"]


def test_all_that_is_old_is_erased(relay: Relay, receiver: Receiver) -> None:
    """By date, events, bodies, dead letters, attempts and reasons go; a redelivery gives no event again."""
    fill(relay, receiver)
    newest = max(values(relay, "SELECT stored_at FROM events"))
    found = counts(relay, before=datetime.fromtimestamp(newest / 1e6, UTC) + timedelta(minutes=1))
    assert (found["event"], found["quarantined body"], found["ignored body"]) == (2, 1, 1)
    assert nothing_left(relay)
    assert titled("incident.triggered", "GOOD").post(relay.url).json().get("events", []) == []
    assert values(relay, "SELECT count(*) FROM events") == [0]
    assert values(relay, "SELECT count(*) FROM outbox") == [0]


def test_a_repository_is_erased_whole(relay: Relay, receiver: Receiver) -> None:
    """Its events, sent or waiting, and its open incidents go. An end that comes later gives no event."""
    receiver.script = lambda one: ACCEPTED if one.event["incidentId"] == "Q1" else answer("503 Busy", b"")
    for incident, service in (("Q1", "checkout-api"), ("Q2", "checkout-api"), ("Q3", "shop")):
        titled("incident.triggered", incident, service=service).post(relay.url)
    eventually(lambda: receiver.of("Q1"))
    # The receiver has the event before the relay has written that it was delivered.
    waiting = "SELECT incident FROM events JOIN outbox ON outbox.seq = events.seq"
    eventually(lambda: "Q1" not in values(relay, waiting))
    assert erase(relay.database, Erasure(repo="larkspur/checkout-api"), dry=True).counts["event"] == 2
    found = erase(relay.database, Erasure(repo="larkspur/checkout-api")).counts
    assert (found["event"], found["undelivered event"]) == (2, 1)
    assert set(values(relay, "SELECT incident FROM events")) == {"Q3"}
    assert values(relay, "SELECT incident FROM occurrences WHERE state = 'open'") == ["Q3"]
    ended = titled("incident.resolved", "Q1", at=ENDED_AT).post(relay.url)
    assert (ended.status_code, ended.json().get("events", [])) == (200, [])


def test_a_body_that_is_not_json_loses_the_text(relay: Relay) -> None:
    """A quarantined body of other bytes loses the text as well."""
    signed(f'{{"title": "a "quote" by {KIM}"'.encode()).post(relay.url)
    counts(relay, text=ErasedText.make(KIM))
    assert [bytes(body) for body in values(relay, "SELECT body FROM quarantine")] == [
        b'{"title": "a "quote" by [erased]"'
    ]


def test_a_text_in_an_id_stays_and_is_named(relay: Relay) -> None:
    """The vendor's id of an incident recognizes its end, so it is left, and the answer says where it is."""
    titled("incident.triggered", "KIM-LARKSPUR-1", title="x").post(relay.url)
    erased = erase(relay.database, Erasure(text=ErasedText.make("kim-larkspur")))
    assert (erased.left["deliveries.incident"], erased.left["occurrences.incident"]) == (1, 1)
    assert (erased.left["event.incidentId"], erased.counts["event"]) == (1, 0)


def test_every_column_that_may_hold_text_is_listed() -> None:
    """Each column of text or bytes has one line in the table `TEXTS`, and each line names columns."""
    listed = sorted(f"{line.table}.{column}" for line in TEXTS for column in line.columns)
    assert listed == columns_with_text(MIGRATIONS, ADDED)
