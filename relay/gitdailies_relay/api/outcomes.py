"""What became of a delivery, in one word and one sentence, and what a person can do about it. Pure.

A delivery may hold several messages. Its outcome is the one that asks most for an action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from gitdailies_core.reasons import FILTERED as FILTERED_CODE
from gitdailies_core.reasons import NO_ROUTE
from gitdailies_core.reasons import UNMAPPED as UNMAPPED_CODE
from gitdailies_core.values.times import text_of

PASSED_ON: Final = "passed_on"
WAITING: Final = "waiting"
DEAD_LETTER: Final = "dead_letter"
UNMAPPED: Final = "unmapped"
QUARANTINED: Final = "quarantined"
FILTERED: Final = "filtered"
IGNORED: Final = "ignored"
REPEATED: Final = "repeated"
DISCARDED: Final = "discarded"

# What each outcome means, for people.
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        PASSED_ON: "The receiver took every event.",
        WAITING: "An event waits to be sent.",
        DEAD_LETTER: "The receiver refused an event, or the relay gave it up.",
        UNMAPPED: "No line under services names its repository.",
        QUARANTINED: "It could not be read. Its body is stored.",
        FILTERED: "The source's filter excludes it, or no line under route names it.",
        IGNORED: "It was read, and contains nothing to count.",
        REPEATED: "It reports something that was stored before.",
        DISCARDED: "A person discarded it.",
    }
)
OUTCOMES = tuple(MEANINGS)

REPLAY: Final = "replay"
REQUEUE: Final = "requeue"
DISCARD: Final = "discard"
CLOSE: Final = "close"
ACTIONS = (REPLAY, REQUEUE, DISCARD, CLOSE)

# What can be done about a delivery of each outcome, the next step first. `close` is for open incidents alone.
STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        PASSED_ON: (REPLAY,),
        WAITING: (DISCARD,),
        DEAD_LETTER: (REQUEUE, DISCARD),
        UNMAPPED: (REPLAY, DISCARD),
        QUARANTINED: (REPLAY, DISCARD),
        FILTERED: (REPLAY,),
        IGNORED: (REPLAY,),
        REPEATED: (),
        DISCARDED: (),
    }
)
# The codes of stored bodies that count as filtered: a filter may be changed as a route may be added.
NOT_WANTED = (FILTERED_CODE, NO_ROUTE)


@dataclass(frozen=True)
class Message:
    """What was decided about one message of a delivery. `events` are ids, `proof` names the secret."""

    received_at: datetime
    source: str
    incident: str
    word: str
    proof: str
    outcome: str
    reason: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class StoredBody:
    """A body in quarantine, or one that was ignored: why it is stored, and whether it waits for a replay."""

    quarantined: bool
    code: str
    reason: str
    waits: bool
    discarded: str | None = None


@dataclass(frozen=True)
class SentEvent:
    """An event of a delivery: what it is (as JSON), where it stands, and when it may be sent again.

    `state` is delivered, dead_letter, waiting, held or discarded. `reason` is why, where there is one.
    """

    seq: int
    id: str
    body: Mapping[str, Any]
    state: str
    reason: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """All that the store has of a delivery. `messages` are of its first reading, and of each replay."""

    delivery: str
    messages: tuple[Message, ...]
    bodies: tuple[StoredBody, ...] = ()
    events: tuple[SentEvent, ...] = ()

    @property
    def latest(self) -> tuple[Message, ...]:
        """The messages as they were read last."""
        last = self.messages[-1].received_at
        return tuple(message for message in self.messages if message.received_at == last)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why messages gave no event, or what is said of those that did, each once."""
        return tuple(dict.fromkeys(message.reason for message in self.latest if message.reason))

    @property
    def incidents(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(message.incident for message in self.messages if message.incident))


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery: a word of OUTCOMES, a sentence, and the actions that fit."""

    word: str
    sentence: str
    steps: tuple[str, ...]


def outcome_of(facts: Facts) -> Outcome:
    """Return what became of a delivery."""
    word, sentence = _decided(facts)
    steps = STEPS[word]
    if REPLAY in steps and not _can_be_replayed(facts):
        steps = tuple(step for step in steps if step != REPLAY)
    return Outcome(word, sentence, steps)


def _decided(facts: Facts) -> tuple[str, str]:
    by_state: dict[str, list[SentEvent]] = {}
    for event in facts.events:
        by_state.setdefault(event.state, []).append(event)
    quarantined = next((body for body in facts.bodies if body.quarantined and body.waits), None)
    if dead := by_state.get("dead_letter"):
        return DEAD_LETTER, f"Dead letter: {dead[0].reason}"
    if quarantined is not None and quarantined.code == UNMAPPED_CODE:
        return UNMAPPED, f"Unmapped: {quarantined.reason}"
    if quarantined is not None:
        return QUARANTINED, f"Quarantined: {quarantined.reason}"
    if waiting := by_state.get("waiting") or by_state.get("held"):
        return WAITING, _waits(waiting[0])
    if sent := by_state.get("delivered"):
        return PASSED_ON, f"Passed on: the receiver took {_events(len(sent))}"
    return _without_events(facts, by_state)


def _without_events(facts: Facts, by_state: Mapping[str, Sequence[SentEvent]]) -> tuple[str, str]:
    """Decide where no event is stored any more, or none ever was."""
    given_up = next((body.discarded for body in facts.bodies if body.discarded is not None), None)
    if given_up is None and (discarded := by_state.get("discarded")):
        given_up = discarded[0].reason
    if given_up is not None:
        return DISCARDED, f"Discarded: {given_up}" if given_up else "Discarded"
    outcomes = {message.outcome for message in facts.latest}
    if outcomes & {"stored", "replayed"}:
        return PASSED_ON, "Passed on some time ago: its events are no longer stored here"
    ignored = next((body for body in facts.bodies if not body.quarantined and body.waits), None)
    if ignored is not None and ignored.code in NOT_WANTED:
        return FILTERED, _named("Filtered", "filtered: ", ignored.reason)
    if outcomes == {"repeated"}:
        return REPEATED, "Repeat of something that was stored before"
    return IGNORED, _named("Ignored", "ignored: ", "; ".join(facts.reasons) or MEANINGS[IGNORED])


def _named(word: str, prefix: str, reason: str) -> str:
    return f"{word}: {reason.removeprefix(prefix)}"


def _waits(event: SentEvent) -> str:
    when = f" until {text_of(event.due_at)}" if event.due_at is not None else ""
    if event.state == "held":
        return f"Waiting: its source holds it{when}"
    return f"Waiting to be sent{': the next attempt is at ' + text_of(event.due_at) if event.due_at else ''}"


def _can_be_replayed(facts: Facts) -> bool:
    """Whether a body waits to be read again, or an event is there to be sent again."""
    return any(body.waits for body in facts.bodies) or any(e.state == "delivered" for e in facts.events)


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"
