"""The outbox on both databases: which event may be sent, and what a result does to it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from gitdailies_core.sources.protocol import RESOLVED, STARTED
from gitdailies_relay.accepting.acceptance import accept
from gitdailies_relay.store import outbox, store
from gitdailies_relay.store.outbox import DEAD_LETTER, DELIVERED, PAUSED, REFUSED, RETRY, Attempt, ReadyEvent
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import now_us

from tests.support.relay import reports
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


@pytest.fixture
def waiting(relay_database: Callable[[], Database]) -> Iterator[Outbox]:
    database = relay_database()
    with closing(database.connect()) as session:
        made = Outbox(database, session)
        deliveries = [delivery(name, state, BEGAN) for name in "AB" for state in (STARTED, RESOLVED)]
        made.change(lambda session: accept(store.acceptance_store(database, session), deliveries))
        yield made


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


def test_a_paused_attempt_is_not_counted_and_lets_others_probe(waiting: Outbox) -> None:
    """The event may be sent again at once, behind those that wait as long, and no try is counted."""
    waiting.attempt(1, PAUSED)
    (other, first) = waiting.due()
    assert (first.seq, first.attempts, first.first_attempt_at) == (1, 0, None)
    assert other.seq == 3


def test_a_refused_event_waits_and_its_refusals_are_counted(waiting: Outbox) -> None:
    """It stays first of its incident; a requeue of a dead letter forgets them."""
    for number in (1, 2):
        waiting.attempt(1, REFUSED, now_us())
        (first,) = [due for due in waiting.due() if due.seq == 1]
        assert (first.attempts, first.refusals, first.partition) == (number, number, "default/test/A")
        assert first.refused_at is not None
    status = reports.status(waiting.session)
    assert (status["waiting"], status["retrying"], status["refused"]) == (4, 1, 1)
    waiting.attempt(1, DEAD_LETTER)
    waiting.change(lambda session: outbox.requeue(session, 1, now_us()))
    (first,) = [due for due in waiting.due() if due.seq == 1]
    assert (first.attempts, first.refusals, first.refused_at) == (0, 0, None)


def test_tried_events_are_found_apart(waiting: Outbox) -> None:
    """Those that were never tried do not wait behind them; the newest may come first."""
    waiting.attempt(1, RETRY, 1)
    ready = (waiting.session, waiting.database.as_bytes, now_us(), now_us(), 10)
    assert [due.seq for due in outbox.ready(*ready, tried=True)] == [1]
    assert [due.seq for due in outbox.ready(*ready, tried=False)] == [3]
    assert [due.seq for due in outbox.ready(*ready, newest=True)] == [3, 1]


def test_what_failed_for_its_own_reasons_is_not_made_due_with_the_others(waiting: Outbox) -> None:
    """After an outage the others are as if never tried, and those of the named partitions keep their wait."""
    later = now_us() + 60_000_000
    waiting.attempts(*(Attempt(seq, now_us(), 500, RETRY, "planted", later) for seq in (1, 3)))
    waiting.change(lambda session: outbox.forgive(session, {"default/test/A"}))
    (other,) = waiting.due()
    assert (other.seq, other.attempts) == (3, 0)
    assert other.first_attempt_at is not None
    (own,) = [one for one in waiting.due(at=later) if one.seq == 1]
    assert own.attempts == 1


def test_what_was_refused_is_not_forgiven(waiting: Outbox) -> None:
    """Its refusals go on counting, whatever others were taken."""
    waiting.attempt(1, REFUSED, now_us())
    waiting.change(lambda session: outbox.forgive(session, ()))
    (first,) = [one for one in waiting.due() if one.seq == 1]
    assert (first.attempts, first.refusals) == (1, 1)


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


def test_the_last_attempts_of_an_event_are_kept_with_their_answers(waiting: Outbox) -> None:
    """However often an event is tried, the store has fifty attempts, and those of others stay."""
    waiting.attempt(3, RETRY)
    for number in range(outbox.MOST_ATTEMPTS + 7):
        waiting.attempts(Attempt(1, number, 500, RETRY, "planted", 0, f"answer {number}"))
    rows = waiting.session.execute("SELECT event_seq, answer FROM attempts ORDER BY seq").fetchall()
    assert [answer for seq, answer in rows if seq == 1] == [
        f"answer {number}" for number in range(7, outbox.MOST_ATTEMPTS + 7)
    ]
    assert [answer for seq, answer in rows if seq == 3] == [""]


def test_a_discarded_event_is_gone_and_the_next_of_its_partition_may_be_sent(waiting: Outbox) -> None:
    """It is in no list of the outbox any more; its row has the reason."""
    waiting.change(lambda session: outbox.discard(session, 1, "a drill"))
    assert waiting.may_go() == [2, 3]
    discarded = waiting.session.execute("SELECT seq, discarded FROM events ORDER BY seq").fetchall()
    assert [tuple(row) for row in discarded] == [(1, "a drill"), (2, None), (3, None), (4, None)]


def test_events_of_a_paused_source_may_not_be_sent(waiting: Outbox) -> None:
    """A source is paused at its destination; another name pauses nothing."""
    (source,) = waiting.session.execute("SELECT DISTINCT source FROM events").fetchone()
    waiting.change(lambda session: store.pause(session, "default/another", "manual", "planted"))
    assert waiting.may_go() == [1, 3]
    waiting.change(lambda session: store.pause(session, f"default/{source}", "manual", "planted"))
    assert waiting.may_go() == []
    waiting.change(lambda session: store.end_pause(session, f"default/{source}", "manual"))
    assert waiting.may_go() == [1, 3]
