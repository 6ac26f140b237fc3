"""Derived rows are what the pure functions make of all events, whatever came and went before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from gitdailies_core.events import Event
from gitdailies_server.moments import to_us
from gitdailies_webhooks import answers, derived
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.keyring import create_key
from gitdailies_webhooks.metrics import question
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.figures.asking import ask
from tests.figures.histories import HISTORIES, QUESTIONS

SETTINGS = Settings(window=timedelta(hours=24), timezone="Europe/Berlin")
LATE = 2_000_000_000_000_000

Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path: Path = tmp_path_factory.mktemp("derived") / "w.db"
    create_key(path, "ci")
    opened = sqlite3.connect(path, isolation_level=None)
    derived.settle(opened, SETTINGS, 0)  # else every answer would come from the events
    yield opened
    opened.close()


def put(session: sqlite3.Connection, body: dict[str, Any], now: int) -> None:
    event = Event.from_wire(body)
    at = to_us(event.time)
    session.execute(
        "INSERT INTO events (id, kind, time, time_given, repo, environment, service, incident_id,"
        " received_at, key_id, digest, body) VALUES (?, ?, ?, 1, ?, NULL, NULL, NULL, ?, 1, x'00', ?)",
        (event.id, event.kind, at, event.get("repo"), now, orjson.dumps(body).decode()),
    )
    derived.note(session, [(event.get("repo"), at)], now)


def take(session: sqlite3.Connection, body: dict[str, Any], now: int) -> None:
    session.execute("DELETE FROM events WHERE id = ?", (body["id"],))
    derived.note(session, [(body["repo"], to_us(Event.from_wire(body).time))], now)


def catch_up(session: sqlite3.Connection, now: int) -> None:
    for repo in derived.due(session, now):
        derived.apply(session, derived.compare(session, repo, SETTINGS, now))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(HISTORIES, QUESTIONS, st.data())
def test_derived_rows_answer_as_the_pure_functions_do(
    connection: sqlite3.Connection, events: Events, asked: dict[str, str], data: st.DataObject
) -> None:
    """After any arrivals, deletions and turns of the deriver the answer is that of what is left."""
    connection.execute("BEGIN")
    try:
        left = {}
        for body in events:
            put(connection, body, LATE)
            left[body["id"]] = body
            if data.draw(st.integers(0, 5)) == 0:
                catch_up(connection, LATE)
            if left and data.draw(st.integers(0, 5)) == 0:
                gone = left.pop(data.draw(st.sampled_from(sorted(left))))
                take(connection, gone, LATE)
        catch_up(connection, LATE)
        assert not derived.noted(connection)
        expected = ask(left.values(), asked, SETTINGS).figures()
        told = answers.answer(connection, question(asked, SETTINGS, LATE), SETTINGS)
        assert told["figures"] == expected
        # The rows themselves, whatever moment is asked for.
        late = {**asked, "now": "2033-05-18T03:33:20Z"}
        live = question(late, SETTINGS, LATE)._replace(live=True)
        assert (
            answers.answer(connection, live, SETTINGS)["figures"]
            == ask(left.values(), late, SETTINGS).figures()
        )
    finally:
        connection.execute("ROLLBACK")


def deploy(id_: str, time: str) -> dict[str, Any]:
    return Event.make("deployed", id=id_, repo="a/b", commitSHA="a" * 40, time=time).to_wire()


def test_an_event_to_come_is_derived_when_its_time_has_come(connection: sqlite3.Connection) -> None:
    """An event three minutes ahead is in no row before its moment, and in one from then on."""
    now = to_us(Event.from_wire(deploy("x", "2026-03-04T09:00:00Z")).time)
    minute = 60_000_000
    connection.execute("BEGIN")
    try:
        put(connection, deploy("1", "2026-03-04T09:03:00Z"), now)
        assert derived.due(connection, now) == []
        assert derived.due(connection, now + 3 * minute) == ["a/b"]
        put(connection, deploy("2", "2026-03-04T08:00:00Z"), now)
        catch_up(connection, now)
        count = "SELECT count(*) FROM figures_deploys"
        assert connection.execute(count).fetchone() == (1,)
        assert derived.behind_since(connection, now + 4 * minute) == now + 3 * minute
        catch_up(connection, now + 4 * minute)
        assert connection.execute(count).fetchone() == (2,)
        assert derived.behind_since(connection, now + 4 * minute) is None
    finally:
        connection.execute("ROLLBACK")


def test_of_two_that_derive_at_once_the_slower_gives_up(connection: sqlite3.Connection) -> None:
    """An update that was made before another was written writes nothing, and leaves its change for later."""
    connection.execute("BEGIN")
    try:
        put(connection, deploy("1", "2026-03-04T09:00:00Z"), LATE)
        slow = derived.compare(connection, "a/b", SETTINGS, LATE)
        put(connection, deploy("2", "2026-03-04T10:00:00Z"), LATE)
        quick = derived.compare(connection, "a/b", SETTINGS, LATE)
        derived.apply(connection, quick)
        derived.apply(connection, slow)
        found = connection.execute("SELECT id FROM figures_deploys ORDER BY id").fetchall()
        assert found == [("1",), ("2",)]
    finally:
        connection.execute("ROLLBACK")


def test_an_answer_says_how_far_it_is_behind(connection: sqlite3.Connection) -> None:
    """While a change waits, an answer of this moment is as of the change; nothing waits for ever."""
    connection.execute("BEGIN")
    try:
        put(connection, deploy("1", "2026-03-04T09:00:00Z"), LATE - 5_000_000)
        asked = question({"from": "2026-03-01"}, SETTINGS, LATE)
        told = answers.answer(connection, asked, SETTINGS)
        assert (told["asOf"], told["figures"]["deploymentFrequency"]["numerator"]) == (
            "2033-05-18T03:33:15Z",
            0,
        )
        catch_up(connection, LATE)
        told = answers.answer(connection, asked, SETTINGS)
        assert (told["asOf"], told["figures"]["deploymentFrequency"]["numerator"]) == (
            "2033-05-18T03:33:20Z",
            1,
        )
    finally:
        connection.execute("ROLLBACK")
