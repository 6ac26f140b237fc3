"""Bytes of the store that went bad: an event that cannot be read is a dead letter, and everything goes on."""

import json
from functools import partial
from pathlib import Path

import pytest
from gitdailies_relay.store import store
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.processes import eventually
from tests.support.relay import reports
from tests.support.relay.bench import write
from tests.support.relay.deliveries import ENDED_AT, pagerduty, signed
from tests.support.relay.receiver import Receiver, answer
from tests.support.relay.running import configure, in_thread

CONFIG = "gitdailies.yml"
INCIDENTS = [f"I{number}" for number in range(8)]


def of(incident: str) -> str:
    """Return the SQL for the event that starts *incident*."""
    return f"(SELECT min(seq) FROM events WHERE incident = '{incident}')"


def flip(path: Path, table: str, column: str, where: str, at: int) -> None:
    """Turn over the bits of one byte of a value, as a disk does."""
    found = f"SELECT CAST({column} AS BLOB), typeof({column}) FROM {table} WHERE {where}"
    session = SqliteDatabase(path).connect()
    value, kind = session.execute(found).fetchone()
    session.close()
    damaged = value[:at] + bytes([value[at] ^ 0xFF]) + value[at + 1 :]
    write(path, f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE {where}", damaged)


def filled(folder: Path, receiver: Receiver) -> Path:
    """Run a relay until all of INCIDENTS wait and three bodies are quarantined; return its file."""
    receiver.script = lambda _: answer("500 X")
    with in_thread(configure(folder, url=receiver.url)) as relay:
        for incident in INCIDENTS:
            pagerduty("incident.triggered", incident).post(relay.url)
            pagerduty("incident.resolved", incident, at=ENDED_AT).post(relay.url)
        pagerduty("incident.triggered", "KEPT", service="warehouse").post(relay.url)
        pagerduty("incident.triggered", "ALSO", service="warehouse").post(relay.url)
        signed(b'{"event": 1}').post(relay.url)
    receiver.script = Receiver.script
    receiver.arrivals.clear()
    return folder / "relay.db"


def rest_delivered(folder: Path, receiver: Receiver, without: set[str]) -> None:
    """Everything but the damaged starts arrives, ends after starts."""

    def over() -> bool:
        with store.reading(SqliteDatabase(folder / "relay.db")) as session:
            return bool(reports.status(session)["waiting"] == 0)

    eventually(over)
    for incident in INCIDENTS:
        kinds = [one.event["kind"] for one in receiver.of(incident)]
        assert kinds == (["incidentStarted"] if incident not in without else []) + ["incidentResolved"]


def test_a_flipped_byte_of_an_event_makes_that_event_a_dead_letter(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The start whose body is damaged is a dead letter in log and list; all the others arrive."""
    path = filled(tmp_path, receiver)
    flip(path, "events", "body", f"seq = {of('I3')}", at=0)
    flip(path, "events", "body", f"seq = {of('I5')}", at=9)
    with in_thread(tmp_path / CONFIG) as relay:
        rest_delivered(tmp_path, receiver, {"I3", "I5"})
        failed = json.loads(relay.command("failed", "--json"))
        assert [one["incident"] for one in failed["deadLetters"]] == ["I3", "I5"]
        for one in failed["deadLetters"]:
            assert one["reason"].startswith("the stored event cannot be read: "), one
        assert len(relay.logged("dead letter")) == 2


# A column, the byte that is turned over (none where the value gets another type), and whether the event
# can still be sent.
DAMAGED = [
    ("outbox", "destination", 2, True),
    ("outbox", "partition", 4, False),
    ("events", "id", 11, True),
    ("outbox", "due_at", None, False),
    ("outbox", "attempts", None, True),
]


@pytest.mark.parametrize(("table", "column", "byte", "is_sent"), DAMAGED)
def test_a_damaged_row_holds_up_nothing_but_its_own_incident(
    tmp_path: Path, receiver: Receiver, table: str, column: str, byte: int | None, is_sent: bool
) -> None:
    """With one field of one row damaged the relay starts, and every other incident arrives, in order."""
    path, where = filled(tmp_path, receiver), f"seq = {of('I3')}"
    if byte is None:
        write(path, f"UPDATE {table} SET {column} = CAST(x'ff00' AS TEXT) WHERE {where}")
    else:
        flip(path, table, column, where, byte)
    with in_thread(tmp_path / CONFIG) as relay:
        for incident in INCIDENTS:
            if incident != "I3" or is_sent:
                eventually(partial(lambda name: len(receiver.of(name)) == 2, incident))
                kinds = [one.event["kind"] for one in receiver.of(incident)]
                assert kinds == ["incidentStarted", "incidentResolved"]
        assert pagerduty("incident.triggered", "NEW").post(relay.url).status_code == 202
        eventually(lambda: receiver.of("NEW"))


def test_a_flipped_byte_of_a_quarantined_body_leaves_it_quarantined(
    tmp_path: Path, receiver: Receiver
) -> None:
    """A replay says why the damaged body cannot be counted, leaves it, and counts the other one."""
    path = filled(tmp_path, receiver)
    flip(path, "quarantine", "body", "seq = 1", at=0)
    file = tmp_path / CONFIG
    file.write_text(file.read_text().replace("services:\n", "services:\n  warehouse: {repo: larkspur/wms}\n"))
    with in_thread(tmp_path / CONFIG) as relay:
        printed = relay.command("replay", "--all")
        rest_delivered(tmp_path, receiver, set())
        eventually(lambda: receiver.of("ALSO"))
        failed = json.loads(relay.command("failed", "--json"))
        assert [one["code"] for one in failed["quarantined"]] == ["invalid_json", "unexpected_payload"]
    assert "body: expected UTF-8, got other bytes at offset 0" in printed
