"""What became of a delivery: one word, one sentence, and the actions that fit."""

from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_connection.relay.answers import DecidedMessage, ShownEvent, StoredRequest
from gitdailies_dora.pages.deliveries import delivery_words
from gitdailies_relay.operations.outcomes import ACTIONS, OUTCOMES, DeliveryFacts, outcome_of
from msgspec.structs import replace

CAME = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
SENT = ShownEvent("incident-1", {"repo": "larkspur/shop"}, "d0652", CAME, "delivered")
BODY = StoredRequest("quarantined", "unmapped", "no line under services for 'shop'", None)
IGNORED = StoredRequest("ignored", "update", "neither starts nor ends", None)


def message(
    outcome: str, *, events: tuple[str, ...] = (), reason: str = "", later: int = 0
) -> DecidedMessage:
    at = CAME + timedelta(minutes=later)
    return DecidedMessage(
        "d0652", at, "pagerduty", "incident.triggered", "env SECRET", outcome, reason, events
    )


def facts(
    *messages: DecidedMessage,
    bodies: tuple[StoredRequest, ...] = (),
    events: tuple[ShownEvent, ...] = (),
) -> DeliveryFacts:
    stored = {str(number): body for number, body in enumerate(bodies)}
    return DeliveryFacts("d0652", messages, ("Q1",), stored, dict(enumerate(events)))


STORED = message("stored", events=("incident-1",))
CASES: dict[str, tuple[DeliveryFacts, str, str, tuple[str, ...]]] = {
    "taken": (facts(STORED, events=(SENT,)), "passed_on", "the receiver took 1 event", ("replay",)),
    "taken long ago": (facts(STORED), "passed_on", "no longer stored here", ()),
    "waiting": (
        facts(STORED, events=(replace(SENT, state="waiting"),)),
        "waiting",
        "to be sent",
        ("discard",),
    ),
    "tried": (
        facts(STORED, events=(replace(SENT, state="waiting", due_at=CAME),)),
        "waiting",
        "the next attempt is at 2026-03-04T09:12:41Z",
        ("discard",),
    ),
    "held": (facts(STORED, events=(replace(SENT, state="held"),)), "waiting", "holds it", ("discard",)),
    "held for its push": (
        facts(STORED, events=(replace(SENT, state="held", held_for="push"),)),
        "waiting",
        "it waits for its push",
        ("discard",),
    ),
    "refused": (
        facts(STORED, events=(SENT, replace(SENT, state="dead_letter", reason="422: repo: expected …"))),
        "dead_letter",
        "422: repo",
        ("requeue", "discard"),
    ),
    "one refused, and a part unmapped": (
        facts(STORED, bodies=(BODY,), events=(replace(SENT, state="dead_letter", reason="422: repo"),)),
        "dead_letter",
        "422: repo",
        ("requeue", "discard"),
    ),
    "one of two waits": (
        facts(STORED, events=(SENT, replace(SENT, state="blocked"))),
        "waiting",
        "to be sent",
        ("discard",),
    ),
    "unmapped": (
        facts(message("unmapped"), bodies=(BODY,)),
        "unmapped",
        "no line under services for 'shop'",
        ("replay", "discard"),
    ),
    "a part unmapped": (
        facts(STORED, bodies=(BODY,), events=(SENT,)),
        "unmapped",
        "shop",
        ("replay", "discard"),
    ),
    "unreadable": (
        facts(message("invalid_json"), bodies=(replace(BODY, code="invalid_json", reason="line 1"),)),
        "quarantined",
        "line 1",
        ("replay", "discard"),
    ),
    "counted by a replay": (
        facts(
            message("unmapped"),
            message("stored", events=("incident-1",), later=5),
            bodies=(replace(BODY, state="replayed"),),
            events=(SENT,),
        ),
        "passed_on",
        "took 1 event",
        ("replay",),
    ),
    "discarded": (
        facts(message("unmapped"), bodies=(replace(BODY, state="discarded", reason="a drill"),)),
        "discarded",
        "a drill",
        (),
    ),
    "discarded without a reason": (
        facts(message("unmapped"), bodies=(replace(BODY, state="discarded", reason=""),)),
        "discarded",
        "no reason was given",
        (),
    ),
    "a discarded event": (
        facts(STORED, events=(replace(SENT, state="discarded", reason="a drill"),)),
        "discarded",
        "a drill",
        (),
    ),
    "filtered": (
        facts(
            message("ignored"),
            bodies=(replace(IGNORED, code="filtered", reason="filtered: urgency is low; only high counts"),),
        ),
        "filtered",
        "Filtered: urgency is low; only high counts",
        ("replay",),
    ),
    "ignored": (
        facts(message("ignored", reason="a ping"), bodies=(IGNORED,)),
        "ignored",
        "a ping",
        ("replay",),
    ),
    "ignored long ago": (facts(message("ignored", reason="a ping")), "ignored", "a ping", ()),
    "repeated": (facts(message("repeated", events=("incident-1",))), "repeated", "stored before", ()),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_has_its_word_sentence_and_steps(name: str) -> None:
    """The word, what the sentence says, and the steps are those of the table."""
    known, word, said, steps = CASES[name]
    outcome = outcome_of(known)
    assert (outcome.word, outcome.steps) == (word, steps)
    assert set(steps) <= set(ACTIONS)
    assert said in outcome.sentence


@pytest.mark.parametrize("name", CASES)
def test_a_sentence_begins_with_the_title_of_its_outcome(name: str) -> None:
    """A page shows the title as a badge, and the rest of the sentence does not repeat it."""
    known, word, *_ = CASES[name]
    sentence = outcome_of(known).sentence
    rest = delivery_words.said(word, sentence)
    title = delivery_words.OUTCOMES[word][0]
    assert sentence == f"{title}: {rest}"
    assert not rest.startswith(title)


def test_every_outcome_is_in_a_case() -> None:
    """No word is without a case."""
    assert {word for _, word, _, _ in CASES.values()} == set(OUTCOMES)
