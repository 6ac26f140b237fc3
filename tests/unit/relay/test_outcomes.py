"""What became of a delivery: one word, one sentence, and the actions that fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from gitdailies_relay.api.outcomes import (
    ACTIONS,
    MEANINGS,
    STEPS,
    Facts,
    Message,
    SentEvent,
    StoredBody,
    outcome_of,
)
from hypothesis import given
from hypothesis import strategies as st

CAME = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
SENT = SentEvent(7, "incident-1", {"repo": "larkspur/shop"}, "delivered")
BODY = StoredBody(quarantined=True, code="unmapped", reason="no line under services for 'shop'", waits=True)
IGNORED = StoredBody(quarantined=False, code="update", reason="neither starts nor ends", waits=True)


def message(outcome: str, *, events: tuple[str, ...] = (), reason: str = "", later: int = 0) -> Message:
    at = CAME + timedelta(minutes=later)
    return Message(at, "pagerduty", "Q1", "incident.triggered", "env SECRET", outcome, reason, events)


def facts(
    *messages: Message, bodies: tuple[StoredBody, ...] = (), events: tuple[SentEvent, ...] = ()
) -> Facts:
    return Facts("d0652", messages, bodies, events)


STORED = message("stored", events=("incident-1",))
CASES: dict[str, tuple[Facts, str, str, tuple[str, ...]]] = {
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
    "refused": (
        facts(STORED, events=(SENT, replace(SENT, state="dead_letter", reason="422: repo: expected …"))),
        "dead_letter",
        "422: repo",
        ("requeue", "discard"),
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
            bodies=(replace(BODY, waits=False),),
            events=(SENT,),
        ),
        "passed_on",
        "took 1 event",
        ("replay",),
    ),
    "discarded": (
        facts(message("unmapped"), bodies=(replace(BODY, waits=False, discarded="a drill"),)),
        "discarded",
        "a drill",
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
    "repeated": (facts(message("repeated", events=("incident-1",))), "repeated", "Repeat of", ()),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_has_its_word_sentence_and_steps(name: str) -> None:
    """The word, what the sentence says, and the steps are those of the table."""
    known, word, said, steps = CASES[name]
    outcome = outcome_of(known)
    assert (outcome.word, outcome.steps) == (word, steps)
    assert said in outcome.sentence


def test_every_outcome_is_in_a_case() -> None:
    """No word is without a case, and each word has a meaning and its steps."""
    assert {word for _, word, _, _ in CASES.values()} == set(MEANINGS) == set(STEPS)


_BODIES = st.builds(
    StoredBody, st.booleans(), st.sampled_from(["unmapped", "filtered", "other"]), st.text(), st.booleans()
)
_EVENTS = st.builds(
    SentEvent,
    st.integers(1, 9),
    st.just("incident-1"),
    st.just({}),
    st.sampled_from(["delivered", "dead_letter", "waiting", "held", "discarded"]),
)
_MESSAGES = st.sampled_from(["stored", "ignored", "repeated", "unmapped", "replayed"]).map(message)


@given(st.lists(_MESSAGES, min_size=1), st.lists(_BODIES, max_size=2), st.lists(_EVENTS, max_size=3))
def test_any_delivery_has_an_outcome(
    messages: list[Message], bodies: list[StoredBody], events: list[SentEvent]
) -> None:
    """What asks for an action is never hidden behind what is done, and every step is an action."""
    outcome = outcome_of(facts(*messages, bodies=tuple(bodies), events=tuple(events)))
    assert outcome.word in MEANINGS
    assert set(outcome.steps) <= set(ACTIONS)
    if any(event.state == "dead_letter" for event in events):
        assert outcome.word == "dead_letter"
    elif any(body.quarantined and body.waits for body in bodies):
        assert outcome.word in ("unmapped", "quarantined")
    elif any(event.state in ("waiting", "held") for event in events):
        assert outcome.word == "waiting"
