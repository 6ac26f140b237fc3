"""Derived rows are those that the pure functions make of all events, whatever arrived or was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from gitdailies_core.events.events import Event
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.timestamps import to_us
from gitdailies_webhooks.accounts.key_store import create_key
from gitdailies_webhooks.derived import queries, rows
from gitdailies_webhooks.derived.question import question
from gitdailies_webhooks.derived.update.advance import advance
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.metrics import deploy_row
from gitdailies_webhooks.figures.settings import FigureSettings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.databases import KINDS, opened
from tests.support.figures.asking import compute
from tests.support.figures.histories import HISTORIES, QUESTIONS
from tests.support.figures.reference import Reference
from tests.support.forms import examples
from tests.unit.webhooks.figures.test_properties import alike

SETTINGS = FigureSettings(window=timedelta(hours=24), timezone="Europe/Berlin")
LATE = 2_000_000_000_000_000
ALWAYS = {"from": "2026-01-01", "now": "2033-05-18T03:33:20Z"}

Events = list[dict[str, Any]]
Opened = tuple[Database, Session]


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    folder: Path = tmp_path_factory.mktemp("derived")
    with opened(str(request.param), folder, "gitdailies_webhooks") as database:
        create_key(database(), "ci")
        with closing(database().connect()) as session:
            assert rows.reset(session, SETTINGS, 1)  # otherwise every answer would come from the events
            yield database(), session


@contextmanager
def rolled_back(store: Opened) -> Iterator[Session]:
    """A transaction that is rolled back, so that the next example finds the store empty."""
    database, session = store
    database.begin(session)
    try:
        yield session
    finally:
        database.rollback(session)


@pytest.fixture
def connection(store: Opened) -> Iterator[Session]:
    with rolled_back(store) as session:
        yield session


def add_event(session: Session, body: dict[str, Any], now: int) -> None:
    event = Event.from_wire(body)
    session.execute(
        "INSERT INTO events (id, kind, time, time_given, repo, environment, service, incident_id,"
        " received_at, key_id, digest, body) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, 1, ?, ?)",
        (
            event.id,
            event.kind,
            to_us(event.time),
            *(event.get(name) for name in ("repo", "environment", "service", "incidentId")),
            now,
            b"",
            orjson.dumps(body).decode(),
        ),
    )


def delete_event(session: Session, body: dict[str, Any], now: int) -> None:
    session.execute("DELETE FROM events WHERE id = ?", (body["id"],))
    change_log.note_changes(session, [(body["id"], body["repo"], body.get("incidentId"))], now)


def catch_up(session: Session, now: int, most: int = 1000) -> None:
    while advance(session, SETTINGS, now, most).events:
        pass


def stored_rows(session: Session) -> tuple[dict[str, Any], dict[str, Any]]:
    deploys = session.execute(
        "SELECT id, at, rework, failed, unknown, unknown_commits, leads, recovery, open FROM figures_deploys"
    )
    incidents = session.execute("SELECT id, at, ended_at, merged, deploy FROM figures_incidents")
    return {one[0]: one[1:] for one in deploys}, {one[0]: one[1:] for one in incidents}


def expected_rows(events: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows that the pure functions make of all events."""
    facts = compute(events, ALWAYS, SETTINGS).facts
    deploys = {}
    for one in facts.deploys:
        row = deploy_row(one)
        beginning = (row.at, int(row.rework), int(row.failed), int(row.unknown), row.unknown_commits)
        deploys[one.deploy.id] = (*beginning, row.lead_times, row.recovery, int(row.open))
    incidents = {
        one.occurrence.start.id: (
            one.occurrence.began_at,
            one.occurrence.ended_at,
            int(one.occurrence.merged),
            one.link.deploy and one.link.deploy.id,
        )
        for one in facts.incidents
    }
    return deploys, incidents


class LivedStore:
    """A store with a history: events are added, deleted, sent again under their id, and derived."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.left: dict[str, dict[str, Any]] = {}

    def add(self, body: dict[str, Any]) -> None:
        add_event(self.session, body, LATE)
        self.left[body["id"]] = body

    def delete(self, id_: str) -> dict[str, Any]:
        delete_event(self.session, body := self.left.pop(id_), LATE)
        return body

    def derive(self, most: int) -> None:
        """Derive everything, *most* events at once, and compare the rows with those of the pure functions."""
        catch_up(self.session, LATE, most)
        assert not change_log.has_notes(self.session)
        assert stored_rows(self.session) == expected_rows(self.left.values())

    def live(self, events: Events, data: st.DataObject) -> None:
        for body in events:
            self.add(body)
            chance = data.draw(st.integers(0, 9))
            if chance < 3:
                advance(self.session, SETTINGS, LATE, chance + 1)
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
        lived = LivedStore(session)
        lived.live(events, data)
        answer = queries.answer(session, question(parameters, SETTINGS, LATE), SETTINGS)
        expected = Reference(list(lived.left.values()), parameters, hours=24, zone="Europe/Berlin").figures()
        alike(answer["figures"], expected)
        # The rows themselves, whatever moment the question is about.
        late = {**parameters, "now": ALWAYS["now"]}
        live = question(late, SETTINGS, LATE)._replace(live=True)
        expected = Reference(list(lived.left.values()), late, hours=24, zone="Europe/Berlin").figures()
        alike(queries.answer(session, live, SETTINGS)["figures"], expected)


def deploy(id_: str, time: str) -> dict[str, Any]:
    return Event.make("deployed", id=id_, repo="a/b", commitSHA="a" * 40, time=time).to_wire()


def test_an_event_in_the_future_is_derived_when_its_time_has_come(connection: Session) -> None:
    """An event three minutes ahead is in no row before its moment, and in one from then on."""
    now = to_us(Event.from_wire(deploy("x", "2026-03-04T09:00:00Z")).time)
    minute = 60_000_000
    add_event(connection, deploy("1", "2026-03-04T09:03:00Z"), now)
    catch_up(connection, now)
    assert change_log.count_pending(connection, now, 9) == 0
    assert change_log.count_pending(connection, now + 3 * minute, 9) == 1
    add_event(connection, deploy("2", "2026-03-04T08:00:00Z"), now)
    catch_up(connection, now)
    count = "SELECT count(*) FROM figures_deploys"
    assert connection.execute(count).fetchone() == (1,)
    assert change_log.behind_since(connection, now + 4 * minute) == now + 3 * minute
    catch_up(connection, now + 4 * minute)
    assert connection.execute(count).fetchone() == (2,)
    assert change_log.behind_since(connection, now + 4 * minute) is None


def test_an_id_that_comes_back_as_no_rollback_undoes_nothing(connection: Session) -> None:
    """A rollback that is deleted, and sent again under its id as a deploy, undoes nothing any more."""
    lived = LivedStore(connection)
    lived.add(deploy("1", "2026-03-04T09:00:00Z"))
    lived.add(back := {**deploy("2", "2026-03-04T09:05:00Z"), "type": "rollback"})
    lived.derive(9)
    assert stored_rows(connection)[0]["1"][2] == 1
    lived.delete("2")
    lived.add({**back, "type": "deploy"})
    lived.derive(9)
    assert stored_rows(connection)[0]["1"][2] == 0


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
    assert stored_rows(connection)[0]["1"][2] == 1
    for id_ in gone:
        lived.delete(id_)
    for body in come:
        lived.add(body)
    lived.derive(9)
    assert stored_rows(connection)[0]["1"][2] == 0


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
    catch_up(connection, LATE)
    assert stored_rows(connection) == expected_rows(events)
