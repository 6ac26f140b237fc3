"""Derived rows are what the pure functions make of all events, whatever came and went before."""

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
from gitdailies_webhooks.api.metrics import question
from gitdailies_webhooks.derived import queries, rows
from gitdailies_webhooks.derived.update import advance
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.metrics import row
from gitdailies_webhooks.figures.settings import Settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.databases import KINDS, opened
from tests.figures.asking import ask
from tests.figures.histories import HISTORIES, QUESTIONS
from tests.figures.reference import Reference
from tests.figures.test_properties import alike
from tests.support.forms import examples

SETTINGS = Settings(window=timedelta(hours=24), timezone="Europe/Berlin")
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
            assert rows.settle(session, SETTINGS, 1)  # else every answer would come from the events
            yield database(), session


@contextmanager
def undone(store: Opened) -> Iterator[Session]:
    """A transaction that is rolled back, so that the next example finds the store empty."""
    database, session = store
    database.begin(session)
    try:
        yield session
    finally:
        database.rollback(session)


@pytest.fixture
def connection(store: Opened) -> Iterator[Session]:
    with undone(store) as session:
        yield session


def put(session: Session, body: dict[str, Any], now: int) -> None:
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


def take(session: Session, body: dict[str, Any], now: int) -> None:
    session.execute("DELETE FROM events WHERE id = ?", (body["id"],))
    change_log.note(session, [(body["id"], body["repo"], body.get("incidentId"))], now)


def catch_up(session: Session, now: int, most: int = 1000) -> None:
    while advance(session, SETTINGS, now, most).events:
        pass


def rows_there(session: Session) -> tuple[dict[str, Any], dict[str, Any]]:
    deploys = session.execute(
        "SELECT id, at, rework, failed, unknown, unknown_commits, leads, recovery, open FROM figures_deploys"
    )
    incidents = session.execute("SELECT id, at, ended_at, merged, deploy FROM figures_incidents")
    return {one[0]: one[1:] for one in deploys}, {one[0]: one[1:] for one in incidents}


def rows_expected(events: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows that the pure functions make of all events."""
    facts = ask(events, ALWAYS, SETTINGS).facts
    deploys = {}
    for one in facts.deploys:
        told = row(one)
        beginning = (told.at, int(told.rework), int(told.failed), int(told.unknown), told.unknown_commits)
        deploys[one.deploy.id] = (*beginning, told.leads, told.recovery, int(told.open))
    incidents = {
        one.period.start.id: (
            one.period.began_at,
            one.period.ended_at,
            int(one.period.merged),
            one.link.deploy and one.link.deploy.id,
        )
        for one in facts.incidents
    }
    return deploys, incidents


class Lived:
    """A store through which a history goes: events come, go, come back under their id, and are derived."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.left: dict[str, dict[str, Any]] = {}

    def put(self, body: dict[str, Any]) -> None:
        put(self.session, body, LATE)
        self.left[body["id"]] = body

    def take(self, id_: str) -> dict[str, Any]:
        take(self.session, body := self.left.pop(id_), LATE)
        return body

    def settle_in(self, most: int) -> None:
        """Derive all of it, so many events at once, and hold the rows to those of the pure functions."""
        catch_up(self.session, LATE, most)
        assert not change_log.noted(self.session)
        assert rows_there(self.session) == rows_expected(self.left.values())

    def live(self, events: Events, data: st.DataObject) -> None:
        for body in events:
            self.put(body)
            chance = data.draw(st.integers(0, 9))
            if chance < 3:
                advance(self.session, SETTINGS, LATE, chance + 1)
            elif chance == 3:
                self.settle_in(data.draw(st.integers(1, 4)))
            elif chance > 7:
                gone = self.take(data.draw(st.sampled_from(sorted(self.left))))
                if chance == 9:  # the id is sent again, and says something else
                    self.put({**data.draw(st.sampled_from(events)), "id": gone["id"]})
        self.settle_in(data.draw(st.integers(1, 40)))


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
    store: Opened, events: Events, asked: dict[str, str], data: st.DataObject
) -> None:
    """After any arrivals, deletions and turns of deriving, rows and answers are those of what is left."""
    with undone(store) as session:
        lived = Lived(session)
        lived.live(events, data)
        told = queries.answer(session, question(asked, SETTINGS, LATE), SETTINGS)
        expected = Reference(list(lived.left.values()), asked, hours=24, zone="Europe/Berlin").figures()
        alike(told["figures"], expected)
        # The rows themselves, whatever moment is asked for.
        late = {**asked, "now": ALWAYS["now"]}
        live = question(late, SETTINGS, LATE)._replace(live=True)
        expected = Reference(list(lived.left.values()), late, hours=24, zone="Europe/Berlin").figures()
        alike(queries.answer(session, live, SETTINGS)["figures"], expected)


def deploy(id_: str, time: str) -> dict[str, Any]:
    return Event.make("deployed", id=id_, repo="a/b", commitSHA="a" * 40, time=time).to_wire()


def test_an_event_to_come_is_derived_when_its_time_has_come(connection: Session) -> None:
    """An event three minutes ahead is in no row before its moment, and in one from then on."""
    now = to_us(Event.from_wire(deploy("x", "2026-03-04T09:00:00Z")).time)
    minute = 60_000_000
    put(connection, deploy("1", "2026-03-04T09:03:00Z"), now)
    catch_up(connection, now)
    assert change_log.waiting(connection, now, 9) == 0
    assert change_log.waiting(connection, now + 3 * minute, 9) == 1
    put(connection, deploy("2", "2026-03-04T08:00:00Z"), now)
    catch_up(connection, now)
    count = "SELECT count(*) FROM figures_deploys"
    assert connection.execute(count).fetchone() == (1,)
    assert change_log.behind_since(connection, now + 4 * minute) == now + 3 * minute
    catch_up(connection, now + 4 * minute)
    assert connection.execute(count).fetchone() == (2,)
    assert change_log.behind_since(connection, now + 4 * minute) is None


def test_an_id_that_comes_back_as_no_rollback_undoes_nothing(connection: Session) -> None:
    """A rollback that is deleted, and sent again under its id as a deploy, undoes nothing any more."""
    lived = Lived(connection)
    lived.put(deploy("1", "2026-03-04T09:00:00Z"))
    lived.put(back := {**deploy("2", "2026-03-04T09:05:00Z"), "type": "rollback"})
    lived.settle_in(9)
    assert rows_there(connection)[0]["1"][2] == 1
    lived.take("2")
    lived.put({**back, "type": "deploy"})
    lived.settle_in(9)
    assert rows_there(connection)[0]["1"][2] == 0


def start(id_: str, incident: str) -> dict[str, Any]:
    time = "2026-03-04T09:05:00Z"
    return Event.make("incidentStarted", id=id_, repo="a/b", incidentId=incident, time=time).to_wire()


def test_an_id_that_comes_back_in_another_incident_stands_once(connection: Session) -> None:
    """The start of an incident that is deleted, and sent again under its id for another, is laid anew."""
    lived = Lived(connection)
    lived.put(deploy("1", "2026-03-04T09:00:00Z"))
    lived.put(start("2", "one"))
    lived.put(start("3", "two"))
    lived.settle_in(9)
    lived.take("2")
    lived.take("3")
    lived.put(start("3", "one"))
    lived.settle_in(1)


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
        pytest.param([("3", "05")], ["2"], id="another comes between, and the rollback goes"),
        pytest.param([("2", "05")], ["2"], id="the rollback was an earlier deploy"),
        pytest.param([("3", "05")], [], id="another comes between"),
        pytest.param([("3", "04"), ("4", "06")], [], id="two come between"),
    ],
)
def test_what_is_undone_no_more_is_not_failed(
    connection: Session, others: list[tuple[str, str]], gone: list[str]
) -> None:
    """A deploy that a rollback undid has not failed once others stand between, whatever goes in that turn."""
    lived = Lived(connection)
    first, back, *come = undoing(*others)
    lived.put(first)
    lived.put(back)
    lived.settle_in(9)
    assert rows_there(connection)[0]["1"][2] == 1
    for id_ in gone:
        lived.take(id_)
    for body in come:
        lived.put(body)
    lived.settle_in(9)
    assert rows_there(connection)[0]["1"][2] == 0


def test_an_answer_says_how_far_it_is_behind(connection: Session) -> None:
    """While an event waits, an answer of this moment is as of its arrival."""
    put(connection, deploy("1", "2026-03-04T09:00:00Z"), LATE - 5_000_000)
    asked = question({"from": "2026-03-01"}, SETTINGS, LATE)
    told = queries.answer(connection, asked, SETTINGS)
    assert (told["asOf"], told["figures"]["deploymentFrequency"]["numerator"]) == ("2033-05-18T03:33:15Z", 0)
    catch_up(connection, LATE)
    told = queries.answer(connection, asked, SETTINGS)
    assert (told["asOf"], told["figures"]["deploymentFrequency"]["numerator"]) == ("2033-05-18T03:33:20Z", 1)


def test_other_settings_take_every_row_away_little_by_little(connection: Session) -> None:
    """Rows of other settings go in small parts, and are derived anew with the new ones after that."""
    events = [deploy(str(number), f"2026-03-04T09:0{number}:00Z") for number in range(5)]
    for body in events:
        put(connection, body, LATE)
    catch_up(connection, LATE)
    other = Settings(window=timedelta(hours=1), timezone="Europe/Berlin")
    settled = [rows.settle(connection, other, 2) for _ in range(4)]
    assert settled == [False, False, False, True]
    assert change_log.waiting(connection, LATE, 9) == 5
    catch_up(connection, LATE)
    assert rows_there(connection) == rows_expected(events)
