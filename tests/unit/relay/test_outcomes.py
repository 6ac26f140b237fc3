"""What became of a delivery: one word, one sentence, and the actions that fit."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from gitdailies_connection.relay.answers import DecidedMessage, ShownEvent, StoredRequest
from gitdailies_dora.pages.deliveries import delivery_words
from gitdailies_relay.operations.outcomes import ACTIONS, OUTCOMES, DeliveryFacts, outcome_of

CASES = yaml.safe_load((Path(__file__).parent / "data/outcomes.yml").read_text("utf-8"))
CAME = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
SENT = ShownEvent("incident-1", {"repo": "larkspur/shop"}, "d0652", CAME, "delivered")
BODY = StoredRequest("quarantined", "unmapped", "no line under services for 'shop'", None)
# The reason of a message that nothing follows from; others have their reasons at body and event.
REASONS = {"ignored": "a ping"}


def message(outcome: str, number: int) -> DecidedMessage:
    at, events = (
        CAME + timedelta(minutes=number),
        ("incident-1",) if outcome in ("stored", "repeated") else (),
    )
    return DecidedMessage(
        "d0652", at, "pagerduty", "word", "env S", outcome, REASONS.get(outcome, ""), events
    )


def facts(case: dict[str, Any]) -> DeliveryFacts:
    def read(base: Any, name: str) -> list[Any]:
        whole = msgspec.to_builtins(base)
        return [msgspec.convert({**whole, **given}, type(base)) for given in case.get(name, ())]

    messages = tuple(message(outcome, number) for number, outcome in enumerate(case["messages"]))
    stored = {str(number): body for number, body in enumerate(read(BODY, "bodies"))}
    return DeliveryFacts("d0652", messages, ("Q1",), stored, dict(enumerate(read(SENT, "events"))))


@pytest.mark.parametrize("name", CASES)
def test_each_state_has_its_word_sentence_and_steps(name: str) -> None:
    """The word, what the sentence says, and the steps are those of the table."""
    case = CASES[name]
    outcome = outcome_of(facts(case))
    assert (outcome.word, list(outcome.steps)) == (case["word"], case["steps"])
    assert set(outcome.steps) <= set(ACTIONS)
    assert case["said"] in outcome.sentence


@pytest.mark.parametrize("name", CASES)
def test_a_sentence_begins_with_the_title_of_its_outcome(name: str) -> None:
    """A page shows the title as a badge, and the rest of the sentence does not repeat it."""
    word, sentence = CASES[name]["word"], outcome_of(facts(CASES[name])).sentence
    rest = delivery_words.said(word, sentence)
    title = delivery_words.OUTCOMES[word][0]
    assert sentence == f"{title}: {rest}"
    assert not rest.startswith(title)


def test_every_outcome_is_in_a_case() -> None:
    """No word is without a case."""
    assert {case["word"] for case in CASES.values()} == set(OUTCOMES)
