"""The outbox on both databases: which event may be sent, and what a result does to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from gitdailies_core.sources.protocol import RESOLVED, STARTED
from gitdailies_relay.accepting.acceptance import accept
from gitdailies_relay.store import outbox, store
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED, PAUSED, RETRY, Attempt, ReadyEvent
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import now_us

from tests.support import databases
from tests.support.relay.bench import BEGAN, delivery


@dataclass
class Outbox:
    """A database with two events each of incidents A (numbers 1 and 2) and B (3 and 4)."""

    database: Database
    session: Session

    def due(self, most: int = 10, *, at: int | None = None) -> list[ReadyEvent]:
        now = now_us()
        return outbox.ready(self.session, self.database.as_bytes, at or now, now, most)

    def may_go(self, *, at: int | None = None) -> list[int]:
        """Return the numbers of the events that may be sent."""
        return [due.seq for due in self.due(at=at)]

    def attempt(self, seq: int, verdict: str, due_at: int = 0) -> None:
        self.attempts(Attempt(seq, now_us(), 202, verdict, "planted", due_at))

    def attempts(self, *attempts: Attempt) -> None:
        self.change(lambda session: outbox.record(session, attempts))

    def change(self, work: Callable[[Session], object]) -> None:
        self.database.begin(self.session)
        work(self.session)
        self.database.commit(self.session)


@pytest.fixture(params=databases.KINDS)
def waiting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    with databases.opened(request.param, tmp_path) as opened:
        database = opened()
        store.migrate(database)
        made = Outbox(database, database.connect())
        deliveries = [delivery(name, state, BEGAN) for name in "AB" for state in (STARTED, RESOLVED)]
        made.change(lambda session: accept(store.acceptance_store(database, session), deliveries))
        yield made
        made.session.close()


def test_only_the_next_event_of_an_incident_may_be_sent(waiting: Outbox) -> None:
    """Of two incidents with two events each, the two starts; with each done, its end."""
    assert waiting.may_go() == [1, 3]
    waiting.attempt(3, DELIVERED)
    assert waiting.may_go() == [1, 4]
    waiting.attempt(4, DELIVERED)
    waiting.attempt(1, DELIVERED)
    assert waiting.may_go() == [2]


def test_a_waiting_event_stays_first_of_its_incident(waiting: Outbox) -> None:
    """A partition sends nothing until its retry is due, then its start again. make_due ends the wait."""
    later = now_us() + 60_000_000
    waiting.attempt(1, RETRY, later)
    assert waiting.may_go() == [3]
    assert waiting.may_go(at=later) == [3, 1]
    waiting.change(lambda session: outbox.make_due(session, now_us()))
    assert sorted(waiting.may_go()) == [1, 3]


def test_a_paused_attempt_moves_nothing(waiting: Outbox) -> None:
    """The event may be sent again at once, and no try is counted."""
    waiting.attempt(1, PAUSED)
    (first, _) = waiting.due()
    assert (first.seq, first.attempts, first.first_attempt_at) == (1, 0, None)


def test_a_dead_letter_lets_the_next_go_and_is_requeued_before_it(waiting: Outbox) -> None:
    """The end may then be sent; after a requeue the start goes first and the end waits."""
    waiting.attempt(1, DEAD_LETTER)
    assert waiting.may_go() == [2, 3]
    waiting.change(lambda session: outbox.requeue(session, 1, now_us()))
    assert sorted(waiting.may_go()) == [1, 3]
    (start,) = [due for due in waiting.due() if due.seq == 1]
    assert (start.attempts, start.first_attempt_at) == (0, None)
    waiting.attempt(1, DELIVERED)
    assert sorted(waiting.may_go()) == [2, 3]


def test_a_result_that_comes_after_its_event_is_gone_changes_nothing(waiting: Outbox) -> None:
    """A second result for a delivered event, as after an aborted stop, changes no other event."""
    waiting.attempt(1, DELIVERED)
    for verdict in (DELIVERED, DEAD_LETTER, RETRY):
        waiting.attempt(1, verdict, now_us())
    assert waiting.may_go() == [2, 3]


def test_the_longest_waiting_come_first(waiting: Outbox) -> None:
    """Of many that are due, the bound takes those whose time came first."""
    waiting.attempt(3, RETRY, 1)
    assert [due.seq for due in waiting.due(1)] == [3]


def test_results_that_come_together_move_each_event(waiting: Outbox) -> None:
    """A batch with a result of each kind moves each event as it would alone."""
    later = now_us() + 60_000_000
    waiting.attempts(Attempt(1, now_us(), 202, DELIVERED), Attempt(3, now_us(), 500, RETRY, "planted", later))
    assert waiting.may_go() == [2]
    waiting.attempts(Attempt(2, now_us(), 422, DEAD_LETTER, "planted"), Attempt(3, now_us(), 202, DELIVERED))
    assert waiting.may_go() == [4]


def test_a_dead_letter_is_requeued_once(waiting: Outbox) -> None:
    """Requeueing what is no dead letter changes nothing, not even its count of attempts."""
    waiting.attempt(1, RETRY, now_us())
    waiting.change(lambda session: outbox.requeue(session, 1, now_us()))
    (start,) = [due for due in waiting.due() if due.seq == 1]
    assert start.attempts == 1
