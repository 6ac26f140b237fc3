"""A 202 holds: after killed servers, full disks and faults of our own."""

import re
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_dora.events import queries
from gitdailies_server.storage.sqlite import SqliteDatabase, connect

from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.running import Receiver, in_process, in_thread
from tests.support.forms import short_and_long

SENDERS = 4


@short_and_long("rounds", short=2, long=5)
@pytest.mark.parametrize("kind", KINDS)
def test_every_202_survives_kill_9(kind: str, rounds: int, address: str) -> None:
    """After kills under load the store has every accepted event exactly once."""
    accepted, sent = set(), set()
    for number in range(rounds):
        with in_process(address) as (receiver, process):
            key = receiver.key(f"round-{number}")
            senders = [
                threading.Thread(target=_send, args=(receiver, key, f"{number}-{n}", accepted, sent))
                for n in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            before = len(accepted)
            end = time.monotonic() + 60
            while len(accepted) < before + 50 and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            for sender in senders:
                sender.join(30)
        assert len(accepted) >= before + 50, "the round accepted too little to prove anything"
    with in_process(address) as (receiver, _):
        counts = Counter(
            event["id"] for event in receiver.events(receiver.key("dash", "read"), limit="1000000")
        )
    assert accepted - counts.keys() == set()
    assert counts.keys() - sent == set()
    assert [name for name, count in counts.items() if count > 1] == []


def _send(receiver: Receiver, key: str, prefix: str, accepted: set[str], sent: set[str]) -> None:
    """Send events and lists until the server is gone, and collect the ids that it accepted."""
    number = 0
    while True:
        events = [body("public-client", id=f"{prefix}-{number + n}") for n in range(1 + number % 3)]
        number += len(events)
        sent.update(event["id"] for event in events)
        try:
            answer = receiver.post(key, events if len(events) > 1 else events[0])
        except requests.RequestException:
            return
        if answer.status_code == 202:
            accepted.update(event["id"] for event in events)


def test_a_full_disk_is_503_and_passes(tmp_path: Path) -> None:
    """While the disk is full an event is 503 with Retry-After, then it is taken; nothing is half there."""
    full = threading.Event()
    opened: list[sqlite3.Connection] = []

    def opening(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        if not read_only:
            opened.append(connection)
            if full.is_set():
                fill(connection)
        return connection

    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    events = [body("deploy", id=f"d-{n}", title="x" * 5000) for n in range(100)]
    file = tmp_path / "w.db"
    with in_thread(SqliteDatabase(file, opening)) as receiver:
        key = receiver.key("ci", "send", "read")
        full.set()
        for connection in opened:
            with suppress(sqlite3.ProgrammingError):  # some are closed
                fill(connection)
        refused = receiver.post(key, events)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["type"] == "urn:gitdailies:problem:unavailable"
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
        full.clear()
        assert receiver.post(key, events).status_code == 202
        assert requests.get(receiver.url + "/readyz", timeout=30).json() == {"status": "ready"}
        assert len(receiver.events(key)) == 100


def test_a_fault_of_ours_shows_a_number_and_no_more(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, log_lines: pytest.CaptureFixture[str]
) -> None:
    """A bug is a 500 with a number; the log has it with kind and places, and nothing shows its text."""
    key = receiver.key("ci", "send", "read")

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the reason inside")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "accept", broken)
        answer = receiver.post(key, body("deploy"))
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "the reason inside" not in answer.text
    assert "Traceback" not in answer.text
    number = re.fullmatch(
        r"internal error (\w{12}); the server log has the details", answer.json()["detail"]
    )[1]
    (line,) = [line for line in log_lines.readouterr().err.splitlines() if number in line]
    assert "RuntimeError at test_durability.py" in line
    assert " by gitdailies_dora/events/store.py:" in line
    assert "the reason inside" not in line
    assert receiver.post(key, body("deploy")).json()["status"] == "created"
