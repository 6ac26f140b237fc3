"""What follows for each event from an answer: the table of `verdicts`, and the life of a refused event."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.retry import Outcome, Pause
from gitdailies_core.values.secret import Secret
from gitdailies_relay.delivery.batches import (
    REFUSALS_TO_GIVE_UP,
    REFUSED_SECONDS,
    Batch,
    BatchResult,
    JudgedAt,
    Verdicts,
    decide,
)
from gitdailies_relay.delivery.isolation import FIRST_PARTITIONS, Isolation
from gitdailies_relay.delivery.senders import send_batch
from gitdailies_relay.store.outbox import (
    DEAD_LETTER,
    DELIVERED,
    PAUSED,
    REFUSED,
    RETRY,
    VERDICTS,
    ReadyEvent,
)
from gitdailies_server.storage.timestamps import from_us, to_us
from hypothesis import given, settings

from tests.support.forms import examples

KEY = Secret("gdk_some", "env KEY")
NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
DAYS = 7 * 86400.0
OURS_ID = "incident-" + "0123456789abcdef" * 2
PAGE = Outcome(200, "Sign in", is_html=True)
PAUSING = [302, 401, 402, 403, 404, 405, 407, 410, 423, 424, 451]


def events(count: int, *, first: int = 1, tried_days_ago: float | None = None) -> tuple[ReadyEvent, ...]:
    tried = None if tried_days_ago is None else to_us(NOW - timedelta(days=tried_days_ago))
    return tuple(
        ReadyEvent(seq, f"e{seq}", 0, b"{}", 0 if tried is None else 99, tried, f"P{seq}")
        for seq in range(first, first + count)
    )


@dataclass
class Court:
    """Decides results one after another, a second apart, with one Isolation."""

    isolation: Isolation = field(default_factory=Isolation)
    seconds: float = 1000.0

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)

    def judged(
        self, sent: Sequence[ReadyEvent], outcome: Outcome | None, *refused: int, ours: bool = True
    ) -> Verdicts:
        self.seconds += 1.0
        batch = Batch(tuple(sent), KEY, is_ours=ours)
        result = BatchResult(batch, self.seconds, outcome, frozenset(refused))
        return decide(result, self.isolation, JudgedAt(self.now, self.seconds, lambda: 0.5, DAYS))

    def verdict(self, event: ReadyEvent, outcome: Outcome, *, ours: bool = True) -> str:
        (attempt,) = self.judged([event], outcome, ours=ours).attempts
        return attempt.verdict


def verdicts(found: Verdicts) -> tuple[list[tuple[int, str]], list[int]]:
    """Return the verdict of each event, and the events that are sent alone."""
    return [(a.seq, a.verdict) for a in found.attempts], [event.seq for event in found.retry_singly]


@pytest.mark.parametrize("status", [*PAUSING, 400, 409, 413, 415, 422, 500, 503, None])
def test_a_batch_that_is_not_taken_decides_nothing_about_its_events(status: int | None) -> None:
    """They are all sent alone, whatever the answer was, and no attempt is counted."""
    found = Court().judged(events(3), Outcome(status))
    assert verdicts(found) == ([], [1, 2, 3])
    assert found.pause is None


def test_a_receiver_that_asks_for_time_gets_the_batch_again() -> None:
    """After a 429 the events of a batch go on waiting, and none of them counts an attempt."""
    assert verdicts(Court().judged(events(3), Outcome(429, retry_after="5"))) == ([], [])


@pytest.mark.parametrize("outcome", [Outcome(None, "timed out"), Outcome(500), Outcome(429), Outcome(503)])
def test_no_answer_is_tried_again_until_the_age(outcome: Outcome) -> None:
    """An event alone is tried again, and is a dead letter past its age."""
    assert Court().verdict(events(1)[0], outcome) == RETRY
    assert Court().verdict(events(1, tried_days_ago=8)[0], outcome) == DEAD_LETTER


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
def test_a_refusal_of_the_event_alone_is_a_dead_letter(status: int) -> None:
    """The receiver says what is wrong with the event."""
    assert Court().verdict(events(1)[0], Outcome(status, "no")) == DEAD_LETTER


@pytest.mark.parametrize("answer", [*map(Outcome, PAUSING), PAGE], ids=lambda one: str(one.status))
def test_a_refusal_that_may_be_about_all_is_first_the_events_own(answer: Outcome) -> None:
    """It waits, and the second partition that gets the same answer pauses."""
    court = Court()
    first, second, third = events(3)
    assert court.verdict(first, answer) == REFUSED
    assert court.verdict(first, answer) == REFUSED
    found = court.judged([second], answer)
    assert [a.verdict for a in found.attempts] == [PAUSED]
    assert found.pause is not None
    assert court.verdict(third, answer) == PAUSED


def life(court: Court, event: ReadyEvent, outcome: Outcome, *, others: bool) -> tuple[list[str], float]:
    """Refuse an event whenever it is due, up to fifty times; return its verdicts and how long it took."""
    found: list[str] = []
    began = court.seconds
    while len(found) < 50:
        if others:
            court.judged(events(1, first=100 + len(found)), Outcome(202))
        (attempt,) = court.judged([event], outcome).attempts
        found.append(attempt.verdict)
        if attempt.verdict == DEAD_LETTER:
            break
        event = replace(
            event,
            attempts=event.attempts + 1,
            refusals=event.refusals + 1,
            refused_at=event.refused_at or attempt.at,
        )
        due_at = from_us(attempt.due_at)
        court.seconds += max(0.0, (due_at - court.now).total_seconds())
    return found, court.seconds - began


def test_a_lone_refused_event_is_a_dead_letter_after_two_minutes_of_refusals() -> None:
    """While others are taken it is refused at least five times over two minutes, and little longer."""
    found, seconds = life(Court(), events(1)[0], Outcome(404, "no such repository"), others=True)
    assert found[-1] == DEAD_LETTER
    assert set(found[:-1]) == {REFUSED}
    assert len(found) >= REFUSALS_TO_GIVE_UP
    assert REFUSED_SECONDS <= seconds < REFUSED_SECONDS + 10


def test_a_lone_refused_event_waits_as_long_as_no_other_is_taken() -> None:
    """Nothing shows that the refusal is its own, for hours."""
    found, seconds = life(Court(), events(1)[0], Outcome(404), others=False)
    assert set(found) == {REFUSED}
    assert seconds > 3600


@pytest.mark.parametrize("status", [400, 422])
def test_a_receiver_that_refuses_every_event_for_good_pauses(status: int) -> None:
    """With the fifth partition since the start; the dead letters of those before it are put back."""
    court = Court()
    for event in events(FIRST_PARTITIONS - 1):
        assert court.verdict(event, Outcome(status)) == DEAD_LETTER
    found = court.judged(events(1, first=9), Outcome(status, "kind: unknown"))
    assert [a.verdict for a in found.attempts] == [PAUSED]
    assert found.put_back == (1, 2, 3, 4)
    reason = f"the receiver refuses every event (answered {status}: kind: unknown)"
    assert found.pause == Pause("receiver", reason)
    assert court.verdict(events(1, first=10)[0], Outcome(status)) == PAUSED
    assert court.verdict(events(1, first=11)[0], Outcome(202)) == DELIVERED
    assert court.verdict(events(1, first=12)[0], Outcome(status)) == DEAD_LETTER


@pytest.mark.parametrize(
    ("id_", "ours", "verdict"),
    [
        (OURS_ID, True, DELIVERED),
        (OURS_ID.replace("incident", "deploy"), True, DELIVERED),
        (OURS_ID.replace("incident", "content"), True, DELIVERED),
        (OURS_ID, False, DEAD_LETTER),
        (OURS_ID + "0", True, DEAD_LETTER),
        ("mine-" + "0" * 32, True, DEAD_LETTER),
    ],
)
def test_a_conflict_under_an_id_of_ours_is_a_repeat(id_: str, ours: bool, verdict: str) -> None:
    """A receiver of ours has the event: told again after a move of the store, with an edited title."""
    event = replace(events(1)[0], id=id_)
    (attempt,) = Court().judged([event], Outcome(409, "other content"), ours=ours).attempts
    assert attempt.verdict == verdict
    if verdict == DELIVERED:
        assert attempt.reason == "answered 409: other content; it has this event, with other content"


STATUSES = st.one_of(st.none(), st.integers(100, 599))


@settings(max_examples=examples(400))
@given(st.lists(st.tuples(st.integers(1, 6), STATUSES, st.booleans()), max_size=40))
def test_no_answer_makes_two_verdicts_or_none(answers: list[tuple[int, int | None, bool]]) -> None:
    """Whatever is answered, an event alone has one known verdict, and only what was taken is delivered."""
    court = Court()
    for seq, status, html in answers:
        (event,) = events(1, first=seq)
        found = court.judged([event], Outcome(status, is_html=html and status in range(200, 300)))
        (attempt,) = found.attempts
        assert attempt.verdict in VERDICTS
        taken = status is not None and 200 <= status < 300 and not html
        assert (attempt.verdict == DELIVERED) == taken
        assert (attempt.verdict == PAUSED) == (found.pause is not None)
        if attempt.verdict in (RETRY, REFUSED):
            assert attempt.due_at >= attempt.at


@pytest.mark.parametrize(("receiver", "bodies"), [("documented", 0), ("ours", 1)])
def test_an_end_without_a_recovery_goes_only_to_a_receiver_of_ours(receiver: str, bodies: int) -> None:
    """A documented receiver would take it for a recovery. For it, the event is done with, and says why."""
    sent: list[bytes] = []

    class Sender:
        def send(self, body: bytes, **_: object) -> Outcome:
            sent.append(body)
            return Outcome(202)

    body = json.dumps(
        {"kind": "incidentResolved", "incidentId": "A", "repo": "a/b", "resolution": "cancelled"}
    )
    batch = Batch((replace(events(1)[0], body=body.encode()),), KEY)

    result = send_batch(batch, cast("Any", Sender()), Dialect.make(receiver=receiver))

    assert len(sent) == bodies
    (attempt,) = decide(result, Isolation(), JudgedAt(NOW, 0.0, lambda: 0.5, DAYS)).attempts
    assert attempt.verdict == DELIVERED
    assert attempt.reason == ("" if bodies else "not sent: cancelled, which is no recovery")
