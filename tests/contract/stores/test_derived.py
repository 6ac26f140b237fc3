"""Derived rows are those that the pure functions make of all events, whatever arrived or was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from gitdailies_core.events.events import Event
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived import (
    detail,
    event_filters,
    event_list,
    queries,
    rows,
    statements,
    verdicts,
)
from gitdailies_webhooks.derived.question import question
from gitdailies_webhooks.derived.update.advance import advance
from gitdailies_webhooks.events import change_log, corrections
from gitdailies_webhooks.events.corrections import StoredCorrection
from gitdailies_webhooks.events.query import END, Wanted
from gitdailies_webhooks.figures.events import read_history
from gitdailies_webhooks.figures.facts import derive
from gitdailies_webhooks.figures.metrics import select_rows
from gitdailies_webhooks.figures.reasons import Reasons
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import FigureSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.databases import KINDS, opened
from tests.support.figures.asking import alike
from tests.support.figures.derived_store import (
    LATE,
    SETTINGS,
    Opened,
    add_event,
    catch_up,
    delete_event,
    rolled_back,
)
from tests.support.figures.histories import HISTORIES, QUESTIONS, TEAMS
from tests.support.figures.reference import Reference
from tests.support.forms import examples

SAME_COMMIT = FigureSettings(
    window=timedelta(hours=9), timezone="Europe/Berlin", count_same_commit=True, hotfix=("hotfix/*",)
)
ALWAYS = {"from": "2026-01-01", "now": "2033-05-18T03:33:20Z"}

Events = list[dict[str, Any]]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder: Path = tmp_path_factory.mktemp("derived")
    with opened(str(request.param), folder, "gitdailies_webhooks") as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            assert rows.reset(session, SETTINGS, 1)  # otherwise every answer would come from the events
            yield database(), session


@pytest.fixture
def connection(store: Opened) -> Iterator[Session]:
    with rolled_back(store) as session:
        yield session


def agree(session: Session, events: Iterable[dict[str, Any]], now: int, chosen: FigureSettings) -> None:
    """Check rows and verdicts at a moment: they are what the pure functions make of the events until then."""
    bodies = list(events)
    everything = Selection.all_until(now)
    given = corrections.all_corrections(session)
    history = read_history(bodies, chosen, now=now, corrections=given)
    facts = derive(history, chosen)
    deploys, incidents = select_rows(facts, everything)
    assert [(*row[:3], bool(row.failed), *row[4:]) for row in rows.read_deploys(session, everything)] == [
        tuple(row) for row in deploys
    ]
    assert rows.read_incidents(session, everything) == incidents
    reasons = Reasons(history, facts, everything, chosen)
    asked = [verdicts.Event(0, body["id"], "", orjson.dumps(body).decode()) for body in bodies]
    found = verdicts.verdicts(session, asked, everything, chosen)
    assert dict(zip((event.id for event in asked), found, strict=True)) == {
        event.id: reasons.of(event.id) for event in asked
    }


def agree_on_outcomes(session: Session, now: int) -> None:
    """Check that the events with an outcome are those whose result the list of all events shows."""
    whole = event_list.listed(session, Wanted(), END, 1000, SETTINGS, now)
    corrected = set(corrections.all_corrections(session))
    for kind, words in event_filters.OUTCOMES.items():
        for word, outcome in words.items():
            wanted = Wanted({"kind": kind}, outcome=word)
            also = event_filters.resolved(session, wanted, TEAMS, SETTINGS, now).wanted
            found = {row.event.id for row in event_list.listed(session, also, END, 1000, SETTINGS, now)}
            if word == event_filters.CORRECTED:
                expected = {row.event.id for row in whole if row.event.kind == kind} & corrected
            elif word == event_filters.OPEN:
                expected = open_incidents(session, now)
            else:
                of_kind = [row for row in whole if row.event.kind == kind]
                # The list adds that an incident is open.
                shown = {row.event.id: row.result.removeprefix("open, ") for row in of_kind}
                expected = {id_ for id_, result in shown.items() if result == outcome.title}
            assert (word, found) == (word, expected)


def open_incidents(session: Session, now: int) -> set[str]:
    found = (detail.incident(session, id_, SETTINGS, now) for id_ in starts(session))
    return {one["event"]["id"] for one in found if one is not None and one["state"] == detail.OPEN}


def starts(session: Session) -> list[str]:
    asked = "SELECT id FROM events WHERE kind = 'incidentStarted' AND time <= ?"
    return [id_ for (id_,) in session.execute(asked, (LATE,)).fetchall()]


def failed(session: Session, id_: str) -> bool:
    return next(row.failed for row in rows.read_deploys(session, Selection.all_until(LATE)) if row.id == id_)


class LivedStore:
    """A store with a history: events are added, deleted, sent again under their id, and derived."""

    def __init__(self, session: Session, chosen: FigureSettings = SETTINGS) -> None:
        self.session = session
        self.chosen = chosen
        self.left: dict[str, dict[str, Any]] = {}

    def add(self, body: dict[str, Any]) -> None:
        add_event(self.session, body, LATE)
        self.left[body["id"]] = body

    def delete(self, id_: str) -> dict[str, Any]:
        delete_event(self.session, body := self.left.pop(id_), LATE)
        return body

    def correct(self, id_: str, what: str, deploy: str | None) -> None:
        """Correct an event that is here, whatever kind it is of."""
        body = self.left[id_]
        corrections.write(self.session, StoredCorrection(id_, what, deploy, "why", "Kim", LATE))
        change_log.note_changes(self.session, [(id_, body["repo"], body.get("incidentId"))], LATE)

    def undo(self, id_: str) -> None:
        body = self.left[id_]
        corrections.delete(self.session, [id_])
        change_log.note_changes(self.session, [(id_, body["repo"], body.get("incidentId"))], LATE)

    def derive(self, most: int) -> None:
        """Derive everything, *most* events at once, and compare the rows with those of the pure functions."""
        catch_up(self.session, LATE, most, self.chosen)
        assert not change_log.count_pending(self.session, LATE, 1)
        agree(self.session, self.left.values(), LATE, self.chosen)

    def live(self, events: Events, data: st.DataObject) -> None:
        for body in events:
            self.add(body)
            chance = data.draw(st.integers(0, 9))
            if chance < 3:
                advance(self.session, self.chosen, LATE, chance + 1)
            elif chance == 3:
                self.derive(data.draw(st.integers(1, 4)))
            elif chance > 7:
                gone = self.delete(data.draw(st.sampled_from(sorted(self.left))))
                if chance == 9:  # the id is sent again, with another event
                    self.add({**data.draw(st.sampled_from(events)), "id": gone["id"]})
        self.derive(data.draw(st.integers(1, 40)))


@settings(
    max_examples=examples(100),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.differing_executors,
    ],
)
@given(HISTORIES, QUESTIONS, st.data())
def test_derived_rows_are_those_of_all_events(
    store: Opened, events: Events, parameters: dict[str, str], data: st.DataObject
) -> None:
    """After any arrivals, deletions and steps, rows and answers are those of the events that are left."""
    with rolled_back(store) as session:
        lived = LivedStore(session, data.draw(st.sampled_from((SETTINGS, SAME_COMMIT))))
        lived.live(events, data)
        asked = question(parameters, lived.chosen, LATE)
        agree(session, lived.left.values(), asked.selection.period.now, lived.chosen)
        if lived.chosen is SETTINGS:
            agree_on_outcomes(session, asked.selection.period.now)
            answer = queries.answer(session, asked, SETTINGS)
            expected = Reference(list(lived.left.values()), parameters, hours=24, zone="Europe/Berlin")
            alike(answer["figures"], expected.figures())
            team = data.draw(st.sampled_from(("pay", "shop", "none")))
            of_team = question({**parameters, "team": team}, SETTINGS, LATE, teams=TEAMS)
            by_rows = queries.answer(session, of_team, SETTINGS)
            session.execute(statements.DELETE_SETTINGS)
            assert queries.answer(session, of_team, SETTINGS)["figures"] == by_rows["figures"]
            agree_on_a_team(session, of_team.selection)


def agree_on_a_team(session: Session, selection: Selection) -> None:
    """Check that the rows of a team are those that the pure functions select from all of them."""
    bodies = [orjson.loads(body) for (body,) in session.execute("SELECT body FROM events").fetchall()]
    given = corrections.all_corrections(session)
    history = read_history(bodies, SETTINGS, now=selection.period.now, corrections=given)
    deploys, incidents = select_rows(derive(history, SETTINGS), selection)
    assert [row.id for row in rows.read_deploys(session, selection)] == [row.id for row in deploys]
    assert rows.read_incidents(session, selection) == incidents


def deploy(id_: str, time: str) -> dict[str, Any]:
    sha = f"{id_.encode().hex():0>40}"
    return Event.make("deployed", id=id_, repo="a/b", commitSHA=sha, time=time).to_wire()


def test_an_event_in_the_future_counts_when_its_time_has_come(connection: Session) -> None:
    """An event three minutes ahead is in no answer before its moment, and in each from then on."""
    now = to_us(Event.from_wire(deploy("x", "2026-03-04T09:00:00Z")).time)
    minute = 60_000_000
    add_event(connection, deploy("1", "2026-03-04T09:03:00Z"), now)
    add_event(connection, deploy("2", "2026-03-04T08:00:00Z"), now)
    catch_up(connection, now)
    assert change_log.behind_since(connection, now) is None
    for minutes, expected in ((0, ["2"]), (2, ["2"]), (3, ["2", "1"]), (4, ["2", "1"])):
        selection = Selection.all_until(now + minutes * minute)
        assert [row.id for row in rows.read_deploys(connection, selection)] == expected


def test_an_id_that_comes_back_as_no_rollback_undoes_nothing(connection: Session) -> None:
    """A rollback that is deleted, and sent again under its id as a deploy, undoes nothing any more."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(back := {**deploy("2", "2026-03-04T09:05:00Z"), "type": "rollback"})
    lived.derive(9)
    assert failed(connection, "1")
    lived.delete("2")
    lived.add({**back, "type": "deploy"})
    lived.derive(9)
    assert not failed(connection, "1")


def start(id_: str, incident: str) -> dict[str, Any]:
    time = "2026-03-04T09:05:00Z"
    return Event.make("incidentStarted", id=id_, repo="a/b", incidentId=incident, time=time).to_wire()


def test_an_id_that_comes_back_in_another_incident_has_one_row(connection: Session) -> None:
    """A start that is deleted, and sent again under its id for another incident, is attributed again."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(start("2", "one"))
    lived.add(start("3", "two"))
    lived.derive(9)
    lived.delete("2")
    lived.delete("3")
    lived.add(start("3", "one"))
    lived.derive(1)


def undoing(*others: tuple[str, str]) -> Events:
    """A deploy, the rollback that undoes it ten minutes later, and *others* by id and minute."""
    back = {**deploy("2", "2026-03-04T09:10:00Z"), "type": "rollback"}
    return [
        deploy("1", "2026-03-04T09:00:00Z"),
        back,
        *(deploy(i, f"2026-03-04T09:{m}:00Z") for i, m in others),
    ]


@pytest.mark.parametrize(
    ("others", "gone"),
    [
        pytest.param([("3", "05")], ["2"], id="another deploy arrives between, and the rollback is deleted"),
        pytest.param([("2", "05")], ["2"], id="the rollback was an earlier deploy"),
        pytest.param([("3", "05")], [], id="another deploy arrives between"),
        pytest.param([("3", "04"), ("4", "06")], [], id="two deploys arrive between"),
    ],
)
def test_a_deploy_that_is_no_longer_undone_has_not_failed(
    connection: Session, others: list[tuple[str, str]], gone: list[str]
) -> None:
    """Once another deploy lies between it and the rollback, a deploy has not failed."""
    lived = LivedStore(connection)
    first, back, *come = undoing(*others)
    lived.add(first)
    lived.add(back)
    lived.derive(9)
    assert failed(connection, "1")
    for id_ in gone:
        lived.delete(id_)
    for body in come:
        lived.add(body)
    lived.derive(9)
    assert not failed(connection, "1")


def test_an_answer_says_how_far_it_is_behind(connection: Session) -> None:
    """While an event waits to be derived, an answer is as of the arrival of that event."""
    add_event(connection, deploy("1", "2026-03-04T09:00:00Z"), LATE - 5_000_000)
    parameters = question({"from": "2026-03-01"}, SETTINGS, LATE)
    answer = queries.answer(connection, parameters, SETTINGS)
    assert (answer["asOf"], answer["figures"]["deploymentFrequency"]["numerator"]) == (
        "2033-05-18T03:33:15Z",
        0,
    )
    catch_up(connection, LATE)
    answer = queries.answer(connection, parameters, SETTINGS)
    assert (answer["asOf"], answer["figures"]["deploymentFrequency"]["numerator"]) == (
        "2033-05-18T03:33:20Z",
        1,
    )


def test_other_settings_delete_every_row_little_by_little(connection: Session) -> None:
    """Rows of other settings are deleted in small parts, and derived again with the new settings."""
    events = [deploy(str(number), f"2026-03-04T09:0{number}:00Z") for number in range(5)]
    for body in events:
        add_event(connection, body, LATE)
    catch_up(connection, LATE)
    other = FigureSettings(window=timedelta(hours=1), timezone="Europe/Berlin")
    done = [rows.reset(connection, other, 2) for _ in range(4)]
    assert done == [False, False, False, True]
    assert change_log.count_pending(connection, LATE, 9) == 5
    catch_up(connection, LATE, chosen=other)
    agree(connection, events, LATE, other)
