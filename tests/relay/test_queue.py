"""Which events may be sent now: the head of each incident, whatever happened to the ones before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from gitdailies_core.adapter import RESOLVED, STARTED
from gitdailies_relay import queue, store
from gitdailies_relay.acceptance import accept
from gitdailies_relay.queue import AGAIN, BURIED, DONE, PAUSED, Attempt
from gitdailies_server.moments import now_us
from gitdailies_server.sqlite import connect

from tests.relay.bench import BEGAN, delivery


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store.migrate(tmp_path / "relay.db")
    opened = connect(tmp_path / "relay.db")
    for incident in ("A", "B"):
        for state in (STARTED, RESOLVED):
            accept(opened, delivery(incident, state, BEGAN))
    yield opened
    opened.close()


def may_go(connection: sqlite3.Connection, *, at: int | None = None) -> list[int]:
    """Return the numbers of the events that may be sent: A's are 1 and 2, B's 3 and 4."""
    return [due.seq for due in queue.due(connection, at or now_us(), 10)]


def attempt(connection: sqlite3.Connection, seq: int, verdict: str, due_at: int = 0) -> None:
    queue.record(connection, Attempt(seq, now_us(), 202, verdict, "planted", due_at))


def test_only_heads_may_go(connection: sqlite3.Connection) -> None:
    """Of two incidents with two events each, the two starts; with each done, its end."""
    assert may_go(connection) == [1, 3]
    attempt(connection, 3, DONE)
    assert may_go(connection) == [1, 4]
    attempt(connection, 4, DONE)
    attempt(connection, 1, DONE)
    assert may_go(connection) == [2]


def test_a_head_that_waits_keeps_its_place(connection: sqlite3.Connection) -> None:
    """Until its time an incident sends nothing, then its start again; hurry makes it at once."""
    later = now_us() + 60_000_000
    attempt(connection, 1, AGAIN, later)
    assert may_go(connection) == [3]
    assert may_go(connection, at=later) == [3, 1]
    queue.hurry(connection, now_us())
    assert sorted(may_go(connection)) == [1, 3]


def test_a_paused_attempt_moves_nothing(connection: sqlite3.Connection) -> None:
    """The event may be sent again at once, and no try is counted."""
    attempt(connection, 1, PAUSED)
    (first, _) = queue.due(connection, now_us(), 10)
    assert (first.seq, first.attempts, first.first_attempt_at) == (1, 0, None)


def test_a_buried_head_lets_the_next_go_and_comes_back_before_it(connection: sqlite3.Connection) -> None:
    """After burial the end may go; dug up again, the start goes first and the end waits."""
    attempt(connection, 1, BURIED)
    assert may_go(connection) == [2, 3]
    queue.dig_up(connection, 1, now_us())
    assert sorted(may_go(connection)) == [1, 3]
    (start,) = [due for due in queue.due(connection, now_us(), 10) if due.seq == 1]
    assert (start.attempts, start.first_attempt_at) == (0, None)
    attempt(connection, 1, DONE)
    assert sorted(may_go(connection)) == [2, 3]


def test_a_result_that_comes_after_its_event_is_gone_changes_nothing(connection: sqlite3.Connection) -> None:
    """A second result for a delivered event, as after a stop that was cut short, harms nobody."""
    attempt(connection, 1, DONE)
    for verdict in (DONE, BURIED, AGAIN):
        attempt(connection, 1, verdict, now_us())
    assert may_go(connection) == [2, 3]


def test_the_longest_waiting_come_first(connection: sqlite3.Connection) -> None:
    """Of many that are due, the bound takes those whose time came first."""
    attempt(connection, 3, AGAIN, 1)
    assert [due.seq for due in queue.due(connection, now_us(), 1)] == [3]
