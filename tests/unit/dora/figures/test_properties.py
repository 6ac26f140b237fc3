"""Rules for every history: the order of arrival does not matter, and a reference agrees."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.settings import FigureSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.figures.asking import alike, as_written, compute, worked
from tests.support.figures.histories import HISTORIES, QUESTIONS, WEEKS
from tests.support.figures.reference import Reference
from tests.support.figures.worked import expected as by_hand
from tests.support.forms import examples

SHORT = FigureSettings(timezone="Europe/Berlin", window=timedelta(hours=24))
# The settings that change what counts.
OPTIONS = st.builds(
    FigureSettings,
    timezone=st.just(SHORT.timezone),
    window=st.just(SHORT.window),
    production=st.sampled_from((SHORT.production, SHORT.production, ("Live", "E*"), ("st?g*", "prod*"))),
    count_same_commit=st.booleans(),
    hotfix=st.sampled_from(((), ("hotfix/*",), ("HOT*", "main"))),
    failures=st.sampled_from(("all", "evidence")),
)

Events = list[dict[str, Any]]
crowded = settings(
    max_examples=examples(400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", by_hand.QUESTIONS)
def test_the_reference_agrees_with_what_was_worked_by_hand(name: str) -> None:
    """The reference, too, gives the numbers of the derivation."""
    settings_ = as_written(replace(SHORT, window=timedelta(hours=72)))
    alike(Reference(worked(), by_hand.QUESTIONS[name], settings_).figures(), by_hand.expected(name))


@settings(crowded, max_examples=examples(1000))
@given(HISTORIES, QUESTIONS, OPTIONS)
def test_the_figures_are_those_of_the_reference(
    events: Events, question: dict[str, str], options: FigureSettings
) -> None:
    """No history gives a figure that the definitions, read slowly, do not give."""
    figures = compute(events, question, options).figures()
    alike(figures, Reference(events, question, as_written(options)).figures())


@settings(crowded, max_examples=examples(200))
@given(WEEKS, st.sampled_from(("", "api")), st.sampled_from(("", "2026-04-20", "2026-04-11")))
def test_chance_is_that_of_the_reference_over_weeks(events: Events, service: str, until: str) -> None:
    """In a period of weeks, too, chance did what the definitions, read slowly, say."""
    question = {"now": "2026-05-02T00:00:00Z", "from": "2026-03-26", "to": until, "service": service}
    figures = compute(events, question, SHORT).figures()
    alike(figures, Reference(events, question, as_written(SHORT)).figures())


@crowded
@given(HISTORIES, QUESTIONS, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same(
    events: Events, question: dict[str, str], chance: random.Random
) -> None:
    """Figures and reasons of a history do not depend on the order of arrival."""
    shuffled = list(events)
    chance.shuffle(shuffled)
    first, second = compute(events, question, SHORT), compute(shuffled, question, SHORT)
    assert first.figures() == second.figures()
    assert {e["id"]: first.why(e["id"]) for e in events} == {e["id"]: second.why(e["id"]) for e in events}


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_reasons_add_up_to_the_figures(events: Events, question: dict[str, str]) -> None:
    """The words of the verdicts, counted, are the numbers of the figures."""
    computed = compute(events, question, SHORT)
    figures = computed.figures()
    words = [(e["kind"], computed.why(e["id"]).split()) for e in events]
    deploys = [of_deploy for kind, of_deploy in words if kind == "deployed" and len(of_deploy) == 5]
    starts = [of_start for kind, of_start in words if kind == "incidentStarted"]

    def count(column: int, *wanted: str) -> int:
        return sum(of_deploy[column] in wanted for of_deploy in deploys)

    assert len(deploys) == figures["deploymentFrequency"]["deploys"]
    unknown = ("no-predecessor", "no-commits", "earlier-lists-none", "list-cut", "no-paths")
    assert count(1, *unknown) == figures["changeLeadTime"]["unknownDeploys"]
    assert count(2, "failed") == figures["changeFailRate"]["failed"]
    assert count(2, "pending") == figures["changeFailRate"]["pending"]
    assert count(2, "failed-pending") == figures["changeFailRate"]["failedPending"]
    assert count(2, "failed", "succeeded") == figures["changeFailRate"]["settled"]
    assert count(3, "recovered") == figures["failedDeploymentRecoveryTime"]["recovered"]
    assert count(3, "remedied") == figures["failedDeploymentRecoveryTime"]["byRemedy"]["count"]
    assert count(3, "open") == figures["failedDeploymentRecoveryTime"]["open"]
    assert count(3, "without-incident") == figures["failedDeploymentRecoveryTime"]["withoutIncident"]
    assert count(4, "rework", "inferred") == figures["deploymentReworkRate"]["rework"]
    assert count(4, "inferred") == figures["deploymentReworkRate"]["inferred"]
    unlinked = sum(
        of_start in (["unlinked"], ["window"], ["other-service"], ["no-cause"]) for of_start in starts
    )
    assert unlinked == figures["changeFailRate"]["unlinked"]


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_selection_of_everything_leaves_nothing_out(events: Events, question: dict[str, str]) -> None:
    """Without a period and a target, no verdict is that an event, or its deploy, is somewhere else."""
    computed = compute(events, question, SHORT)
    everything = computed._replace(selection=Selection.all_until(computed.selection.period.now))
    words = {word for event in events for word in everything.why(event["id"]).split()}
    assert not words & {"repository", "environment", "service", "period"}


@crowded
@given(HISTORIES, QUESTIONS)
def test_the_numbers_of_failures_add_up(events: Events, question: dict[str, str]) -> None:
    """Every deploy is settled, pending, or failed and pending. A failure is timed, open or without a time."""
    figures = compute(events, question, SHORT).figures()
    rate, times = figures["changeFailRate"], figures["failedDeploymentRecoveryTime"]
    deploys = figures["deploymentFrequency"]["deploys"]
    assert rate["settled"] + rate["pending"] + rate["failedPending"] == deploys
    failures = times["recovered"] + times["byRemedy"]["count"] + times["open"] + times["withoutIncident"]
    assert failures == rate["failed"] + rate["failedPending"]
    assert figures["deploymentReworkRate"]["deploys"] == deploys
