"""What holds for every history: order, deletion, and a reference that is written another way."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.figures.asking import Asked, ask, worked
from tests.figures.histories import HISTORIES, QUESTIONS
from tests.figures.reference import Reference
from tests.figures.worked import expected as by_hand
from tests.support.forms import examples

ZONE, HOURS = "Europe/Berlin", 24
BERLIN = Settings(timezone=ZONE)
SHORT = Settings(timezone=ZONE, window=timedelta(hours=HOURS))

Events = list[dict[str, Any]]
crowded = settings(
    max_examples=examples(400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def alike(told: dict[str, Any], expected: dict[str, Any]) -> None:
    assert told.keys() == expected.keys()
    for figure, numbers in expected.items():
        assert (figure, told[figure]) == (figure, pytest.approx(numbers))


@pytest.mark.parametrize("name", by_hand.QUESTIONS)
def test_the_reference_agrees_with_what_was_worked_by_hand(name: str) -> None:
    """The reference, too, gives the numbers of the derivation."""
    alike(Reference(worked(), by_hand.QUESTIONS[name], zone=ZONE).figures(), by_hand.expected(name))


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_figures_are_those_of_the_reference(events: Events, question: dict[str, str]) -> None:
    """No history gives a figure that the definitions, read slowly, do not give."""
    told = ask(events, question, SHORT).figures()
    alike(told, Reference(events, question, hours=HOURS, zone=ZONE).figures())


@crowded
@given(HISTORIES, QUESTIONS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same(
    events: Events, question: dict[str, str], chance: random.Random
) -> None:
    """Figures and reasons of a history do not depend on the order in which its events arrived."""
    shuffled = list(events)
    chance.shuffle(shuffled)
    first, second = ask(events, question, SHORT), ask(shuffled, question, SHORT)
    assert first.figures() == second.figures()
    assert {e["id"]: first.why(e["id"]) for e in events} == {e["id"]: second.why(e["id"]) for e in events}


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_reasons_add_up_to_the_figures(events: Events, question: dict[str, str]) -> None:
    """The words of the verdicts, counted, are the numbers of the figures."""
    asked = ask(events, question, SHORT)
    told = asked.figures()
    words = [(e["kind"], asked.why(e["id"]).split()) for e in events]
    deploys = [said for kind, said in words if kind == "deployed" and len(said) == 5]
    starts = [said for kind, said in words if kind == "incidentStarted"]

    def count(column: int, *wanted: str) -> int:
        return sum(said[column] in wanted for said in deploys)

    assert len(deploys) == told["deploymentFrequency"]["numerator"]
    assert count(1, "no-predecessor", "no-commits") == told["changeLeadTime"]["unknownDeploys"]
    assert count(2, "failed") == told["changeFailRate"]["numerator"]
    assert count(2, "pending") == told["changeFailRate"]["pending"]
    assert count(2, "failed", "succeeded") == told["changeFailRate"]["denominator"]
    assert count(3, "recovered") == told["failedDeploymentRecoveryTime"]["count"]
    assert count(3, "open") == told["failedDeploymentRecoveryTime"]["open"]
    assert count(3, "without-incident") == told["failedDeploymentRecoveryTime"]["withoutIncident"]
    assert count(4, "rework") == told["deploymentReworkRate"]["numerator"]
    unlinked = sum(said in (["unlinked"], ["window"]) for said in starts)
    assert unlinked == told["changeFailRate"]["unlinked"]


@crowded
@given(HISTORIES, QUESTIONS)
def test_asked_for_all_nothing_is_left_out(events: Events, question: dict[str, str]) -> None:
    """Where no period and no place is asked for, no verdict is that an event, or its deploy, is elsewhere."""
    asked = ask(events, question, SHORT)
    everything = Asked(
        asked.history, asked.facts, Selection.all_until(asked.selection.span.now), asked.settings
    )
    words = {word for event in events for word in everything.why(event["id"]).split()}
    assert not words & {"repository", "environment", "service", "period"}
