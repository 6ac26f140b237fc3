"""Corrections: rows and answers are what the pure functions make of events and corrections."""

from typing import Any

import msgspec
import pytest
from gitdailies_core.events.events import Event
from gitdailies_dora.derived.read.figures.answer import of_selection
from gitdailies_dora.derived.read.question import question
from gitdailies_dora.events.records import corrections
from gitdailies_server.storage.database import Session
from hypothesis import given
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
    deploy,
    rolled_back,
)
from tests.support.figures.asking import alike, as_written
from tests.support.figures.histories import CORRECTIONS, HISTORIES, QUESTIONS
from tests.support.figures.reference import Reference
from tests.support.forms import search


@search(60)
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


def counts(lived: LivedStore) -> tuple[int, int, int, int]:
    """Return the failed and settled deploys, the unlinked incidents, and the recoveries that are timed."""
    lived.derive(9)
    found = of_selection(lived.session, question(ALWAYS, SETTINGS, LATE), SETTINGS).figures
    rate = found.change_fail_rate
    return rate.failed, rate.settled, rate.unlinked, found.failed_deployment_recovery_time.recovered


def test_each_correction_does_what_it_says(lived: LivedStore) -> None:
    """Each correction changes the figures and the words of each event. An undone one changes nothing."""
    said: dict[tuple[str, str, str | None], tuple[int, ...]] = {
        ("s", "deploy", "d1"): (1, 2, 0, 1),
        ("s", "no-deploy", None): (0, 2, 1, 0),
        ("s", "not-an-incident", None): (0, 2, 0, 0),
        ("d1", "failed", None): (2, 2, 0, 1),
        ("d2", "not-failed", None): (0, 2, 0, 0),
    }
    for correction, expected in said.items():
        lived.correct(*correction)
        assert (correction, counts(lived)) == (correction, expected)
        agree(lived.session, lived.left.values(), LATE, SETTINGS)
        lived.undo(correction[0])
        assert counts(lived) == (1, 2, 0, 1)


def test_an_event_may_say_that_no_deploy_caused_it(lived: LivedStore) -> None:
    """`causedBy: none` on the end of an incident attributes it to no deploy."""
    lived.add({**lived.delete("e"), "causedBy": "none"})
    assert counts(lived) == (0, 2, 1, 0)


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
