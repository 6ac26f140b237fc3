"""What became of a delivery, in one word and one sentence, and what a person can do about it. Pure.

A delivery may hold several messages. Its outcome is the one that asks most for an action.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gitdailies_connection.relay.answers import DecidedMessage, ShownEvent, StoredRequest
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

REPLAY: Final = "replay"
REQUEUE: Final = "requeue"
DISCARD: Final = "discard"
CLOSE: Final = "close"
ACTIONS = (REPLAY, REQUEUE, DISCARD, CLOSE)

# What can be done about a delivery of each outcome, the next step first. `close` is for open incidents alone.
STEPS: Mapping[str, tuple[str, ...]] = {
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
OUTCOMES = tuple(STEPS)
# The codes of stored bodies that count as filtered: a filter may be changed as a route may be added.
NOT_WANTED = (FILTERED_CODE, NO_ROUTE)


@dataclass(frozen=True)
class DeliveryFacts:
    """The stored facts about a delivery.

    `messages` are of its first reading, and of each replay. `stored` are its stored requests by table, and
    `events` its events by number.
    """

    delivery: str
    messages: tuple[DecidedMessage, ...]
    incidents: tuple[str, ...] = ()
    stored: Mapping[str, StoredRequest] = field(default_factory=dict)
    events: Mapping[int, ShownEvent] = field(default_factory=dict)

    @property
    def latest(self) -> tuple[DecidedMessage, ...]:
        """The messages as they were read last."""
        last = self.messages[-1].received_at
        return tuple(message for message in self.messages if message.received_at == last)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the messages, each once."""
        return tuple(dict.fromkeys(message.reason for message in self.latest if message.reason))

    @property
    def waits(self) -> Sequence[StoredRequest]:
        """The stored requests that may be read again."""
        return [one for one in self.stored.values() if one.state in (QUARANTINED, IGNORED)]

    def in_state(self, *states: str) -> dict[int, ShownEvent]:
        """Return the events in one of *states*, by number."""
        return {seq: event for seq, event in self.events.items() if event.state in states}


@dataclass(frozen=True)
class DeliveryOutcome:
    """What became of a delivery: a word of OUTCOMES, a sentence, and the actions that fit.

    The sentence begins with the title of the outcome and a colon, which a page with a badge leaves out.
    """

    word: str
    sentence: str
    steps: tuple[str, ...]


def outcome_of(facts: DeliveryFacts) -> DeliveryOutcome:
    """Return what became of a delivery."""
    word, sentence = _decided(facts)
    steps = STEPS[word]
    if not facts.waits and not facts.in_state("delivered"):
        steps = tuple(step for step in steps if step != REPLAY)
    return DeliveryOutcome(word, sentence, steps)


def _decided(facts: DeliveryFacts) -> tuple[str, str]:
    if dead := facts.in_state("dead_letter"):
        return DEAD_LETTER, f"Dead letter: {_first(dead).reason}"
    quarantined = next((one for one in facts.waits if one.state == QUARANTINED), None)
    if quarantined is not None and quarantined.code == UNMAPPED_CODE:
        return UNMAPPED, f"Unmapped: {quarantined.reason}"
    if quarantined is not None:
        return QUARANTINED, f"Quarantined: {quarantined.reason}"
    if waiting := facts.in_state("waiting", "blocked") or facts.in_state("held"):
        return WAITING, _waits(_first(waiting))
    if sent := facts.in_state("delivered"):
        return PASSED_ON, f"Passed on: the receiver took {counted(len(sent), 'event', 'events')}"
    return _without_events(facts)


def _without_events(facts: DeliveryFacts) -> tuple[str, str]:
    """Decide where no event is stored any more, or none ever was."""
    reasons = [one.reason for one in facts.stored.values() if one.state == DISCARDED]
    reasons += [event.reason or "" for event in facts.in_state(DISCARDED).values()]
    if reasons:
        return DISCARDED, f"Discarded: {reasons[0] or 'no reason was given'}"
    outcomes = {message.outcome for message in facts.latest}
    if told := [one.reason for one in facts.latest if one.outcome == "replayed" and not one.events]:
        return PASSED_ON, f"Passed on: {told[0]}"
    if outcomes & {"stored", "replayed"}:
        return PASSED_ON, "Passed on: its events are no longer stored here"
    ignored = next((one for one in facts.waits if one.code in NOT_WANTED), None)
    if ignored is not None:
        return FILTERED, f"Filtered: {ignored.reason.removeprefix('filtered: ')}"
    if outcomes == {REPEATED}:
        return REPEATED, "Repeat: it reports something that was stored before"
    reason = "; ".join(facts.reasons) or "it was read, and contains nothing to count"
    return IGNORED, f"Ignored: {reason.removeprefix('ignored: ')}"


def _first(events: Mapping[int, ShownEvent]) -> ShownEvent:
    return next(iter(events.values()))


def counted(count: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else many}"


def _waits(event: ShownEvent) -> str:
    when = text_of(event.due_at) if event.due_at is not None else ""
    if event.state == "held":
        why = "it waits for its push" if event.held_for == "push" else "its source holds it"
        return f"Waiting: {why}{f' until {when}' if when else ''}"
    return f"Waiting: {f'the next attempt is at {when}' if when else 'it is still to be sent'}"
