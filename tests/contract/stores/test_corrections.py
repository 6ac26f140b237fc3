"""Corrections: rows and answers are what the pure functions make of events and corrections."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from gitdailies_core.events.events import Event
from gitdailies_dora.derived.read.figures import queries
from gitdailies_dora.derived.read.figures.answer import of_selection
from gitdailies_dora.derived.read.question import question
from gitdailies_dora.events.records import corrections
from gitdailies_server.storage.database import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.stores import test_detail
from tests.contract.stores.test_derived import (
    ALWAYS,
    LATE,
    SETTINGS,
    Events,
    LivedStore,
    Opened,
    agree,
    connection,
    deploy,
    rolled_back,
    store,
)
from tests.support.figures.asking import alike, as_written
from tests.support.figures.histories import CORRECTIONS, HISTORIES, QUESTIONS
from tests.support.figures.reference import Reference
from tests.support.forms import examples

__all__ = ["connection", "store"]


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.differing_executors,
    ],
)
@given(HISTORIES, CORRECTIONS, QUESTIONS, st.data())
def test_random_corrections_are_those_of_the_pure_functions(
    store: Opened,
    events: Events,
    given_: dict[str, tuple[str, str | None]],
    parameters: dict[str, str],
    data: st.DataObject,
) -> None:
    """Whenever corrections are made, changed and undone, answers are those of all that is left."""
    with rolled_back(store) as session:
        lived = LivedStore(session)
        lived.live(events, data)
        for id_, (what, named) in given_.items():
            if id_.partition(" ")[0] not in lived.left:
                continue
            lived.correct(id_, what, named)
            chance = data.draw(st.integers(0, 9))
            if chance < 4:
                lived.derive(data.draw(st.integers(1, 5)))
            elif chance == 4:
                lived.undo(id_)
            elif chance == 5:
                lived.delete(id_.partition(" ")[0])
            elif chance == 6 and named in lived.left:
                lived.add(lived.delete(named))
        lived.derive(data.draw(st.integers(1, 9)))
        asked = question(parameters, SETTINGS, LATE)
        now = asked.selection.period.now
        agree(session, lived.left.values(), now, SETTINGS)
        test_detail.agree(session, list(lived.left.values()), now, SETTINGS)
        left = {id_: tuple(one) for id_, one in corrections.all_corrections(session).items()}
        expected = Reference(list(lived.left.values()), parameters, as_written(SETTINGS), left)
        alike(msgspec.to_builtins(of_selection(session, asked, SETTINGS).figures), expected.figures())


def of_incident(id_: str, kind: str, time: str, **values: Any) -> dict[str, Any]:
    where = {"repo": "a/b", "incidentId": "INC", "time": f"2026-03-04T{time}:00Z"}
    return Event.make(f"incident{kind}", id=id_, **where, **values).to_wire()


@pytest.fixture
def lived(connection: Session) -> LivedStore:
    """Two deploys, and an incident after the second one that lasted for half an hour."""
    lived = LivedStore(connection)
    for body in (
        deploy("d1", "2026-03-04T08:00:00Z"),
        deploy("d2", "2026-03-04T09:00:00Z"),
        of_incident("s", "Started", "09:10"),
        of_incident("e", "Resolved", "09:40"),
    ):
        lived.add(body)
    lived.derive(9)
    return lived


def figures(lived: LivedStore, **asked: str) -> dict[str, Any]:
    lived.derive(9)
    answer = of_selection(lived.session, question({**ALWAYS, **asked}, SETTINGS, LATE), SETTINGS)
    found: dict[str, Any] = msgspec.to_builtins(answer.figures)
    return found


def counts(lived: LivedStore, **asked: str) -> tuple[int, int, int, int]:
    """Return the failed and settled deploys, the unlinked incidents, and the recoveries that are timed."""
    found = figures(lived, **asked)
    rate = found["changeFailRate"]
    recovered = found["failedDeploymentRecoveryTime"]["recovered"]
    return rate["failed"], rate["settled"], rate["unlinked"], recovered


def words(lived: LivedStore, id_: str) -> list[tuple[str, str]]:
    everything = question(ALWAYS, SETTINGS, LATE).selection
    found = queries.why_one(lived.session, everything, SETTINGS, id_)
    assert found is not None
    return [(verdict.figure, verdict.word) for verdict in found.verdicts]


def test_each_correction_does_what_it_says(lived: LivedStore) -> None:
    """Another deploy, no deploy, no incident: each changes the figures and the reasons, and can be undone."""
    assert counts(lived) == (1, 2, 0, 1)
    lived.correct("s", "deploy", "d1")
    assert counts(lived) == (1, 2, 0, 1)
    assert words(lived, "d2")[2] == ("changeFailRate", "succeeded")
    assert words(lived, "d1")[2] == ("changeFailRate", "failed")
    lived.correct("s", "no-deploy", None)
    assert counts(lived) == (0, 2, 1, 0)
    assert words(lived, "s") == [("changeFailRate", "no-cause")]
    lived.correct("s", "not-an-incident", None)
    assert counts(lived) == (0, 2, 0, 0)
    assert words(lived, "s") == words(lived, "e") == [("all", "not-an-incident")]
    lived.undo("s")
    assert counts(lived) == (1, 2, 0, 1)


def test_an_outcome_by_hand_comes_before_what_events_tell(lived: LivedStore) -> None:
    """A deploy failed or did not fail as the correction says; what did not fail has no recovery."""
    lived.correct("d1", "failed", None)
    lived.correct("d2", "not-failed", None)
    assert counts(lived) == (1, 2, 0, 0)
    assert figures(lived)["failedDeploymentRecoveryTime"]["withoutIncident"] == 1
    assert ("changeFailRate", "not-failed") in words(lived, "s")
    assert words(lived, "e") == [("failedDeploymentRecoveryTime", "not-failed")]
    lived.undo("d1")
    lived.undo("d2")
    assert counts(lived) == (1, 2, 0, 1)


def test_a_correction_holds_for_every_moment(lived: LivedStore) -> None:
    """A correction made later changes an answer about an earlier moment, too."""
    before = {"now": "2026-03-04T09:20:00Z"}
    assert figures(lived, **before)["changeFailRate"]["failedPending"] == 1
    lived.correct("s", "no-deploy", None)
    assert figures(lived, **before)["changeFailRate"]["failedPending"] == 0


def test_a_correction_is_deleted_with_its_event(lived: LivedStore) -> None:
    """A deploy that was deleted and sent again counts as its events tell. An incident keeps its choice."""
    lived.correct("d2", "not-failed", None)
    lived.correct("s", "deploy", "d1")
    lived.delete("d1")
    assert counts(lived) == (0, 1, 1, 0)
    lived.add(deploy("d1", "2026-03-04T08:00:00Z"))
    assert counts(lived) == (1, 2, 0, 1)
    lived.add(lived.delete("d2"))
    lived.undo("s")
    assert counts(lived) == (1, 2, 0, 1)


def test_an_event_may_say_that_no_deploy_caused_it(lived: LivedStore) -> None:
    """`causedBy: none` attributes an incident to no deploy, on its start or on its end."""
    lived.add({**lived.delete("e"), "causedBy": "none"})
    assert counts(lived) == (0, 2, 1, 0)
    assert words(lived, "s") == [("changeFailRate", "no-cause")]
    lived.add({**lived.delete("e"), "causedBy": lived.left["d1"]["commitSHA"]})
    lived.derive(9)
    assert words(lived, "d1")[2] == ("changeFailRate", "failed")
