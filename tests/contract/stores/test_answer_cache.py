"""Kept answers: the version of the rows changes with every change of a row, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from gitdailies_dora.derived.model.rows import read_deploys, read_incidents
from gitdailies_dora.derived.read.figures.answer_cache import KEPT_US, MOST_BYTES, MOST_KEPT, AnswerCache
from gitdailies_dora.events.records import change_log
from gitdailies_dora.events.store import EventStore
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_server.storage.database import Session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.stores.test_series import store
from tests.support.figures.derived_store import (
    LATE,
    SETTINGS,
    Opened,
    add_event,
    catch_up,
    delete_event,
    rolled_back,
)
from tests.support.figures.histories import HISTORIES
from tests.support.forms import examples

__all__ = ["store"]

Events = list[dict[str, Any]]


@settings(
    max_examples=examples(20),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.differing_executors,
    ],
)
@given(HISTORIES, st.data())
def test_rows_of_one_version_are_the_same(store: Opened, events: Events, data: st.DataObject) -> None:
    """Whatever arrives, is deleted and is derived: while the version stays, so do the rows."""
    with rolled_back(store) as session:
        seen: dict[change_log.Version, Any] = {}
        left: dict[str, dict[str, Any]] = {}
        for body in events:
            add_event(session, body, LATE)
            left[body["id"]] = body
            if data.draw(st.booleans()):
                catch_up(session, LATE)
            if data.draw(st.integers(0, 4)) == 0:
                delete_event(session, left.pop(data.draw(st.sampled_from(sorted(left)))), LATE)
            version = change_log.version(session, LATE)
            if version is None:
                continue
            everything = Selection.all_until(LATE)
            rows = read_deploys(session, everything, SETTINGS), read_incidents(session, everything)
            assert seen.setdefault(version, rows) == rows


class Fake:
    """A store whose rows have a version that a test sets, and that counts what it is asked."""

    def __init__(self) -> None:
        self.version: change_log.Version | None = change_log.Version(1, 0, 0)
        self.asked = 0

    async def read(self, _work: Callable[[Session], Any]) -> Any:
        return self.version

    async def ask(self, work: Callable[[Any], Any]) -> Any:
        self.asked += 1
        return work(None)


def test_an_answer_is_kept_until_the_rows_change_or_a_minute_is_over() -> None:
    """The second question is not run; after a change, a minute, or while changes wait, it is."""
    found, now = Fake(), [datetime(2026, 3, 4, tzinfo=UTC)]
    cache = AnswerCache(cast("EventStore", found), lambda: now[0])

    async def ask(key: str = "a") -> int:
        return await cache.ask(key, lambda _: found.asked)

    async def run() -> None:
        assert [await ask(), await ask(), await ask("b"), await ask()] == [1, 1, 2, 1]
        found.version = change_log.Version(2, 0, 0)
        assert [await ask(), await ask()] == [3, 3]
        now[0] += timedelta(microseconds=KEPT_US)
        assert [await ask(), await ask()] == [4, 4]
        found.version = None
        assert [await ask(), await ask()] == [5, 6]
        found.version = change_log.Version(2, 0, 0)
        assert await ask() == 4
        for number in range(MOST_KEPT):
            await ask(str(number))
        assert await ask() == found.asked

    asyncio.run(run())


def test_long_answers_are_kept_up_to_a_size() -> None:
    """The oldest answers make room for a new one, and one that is longer than all of it is not kept."""
    found, now = Fake(), datetime(2026, 3, 4, tzinfo=UTC)
    cache = AnswerCache(cast("EventStore", found), lambda: now, len)

    async def asks(key: str, size: int) -> int:
        before = found.asked
        assert len(await cache.ask(key, lambda _: b"a" * size)) == size
        return found.asked - before

    async def run() -> None:
        half = MOST_BYTES // 2
        assert [await asks(key, half) for key in "abab"] == [1, 1, 0, 0]
        assert [await asks(key, half) for key in "cb"] == [1, 0]
        assert await asks("a", half) == 1
        assert [await asks("long", MOST_BYTES + 1), await asks("long", MOST_BYTES + 1)] == [1, 1]
        assert await asks("a", half) == 0

    asyncio.run(run())


@pytest.mark.parametrize("notes", [0, 3])
def test_a_store_with_waiting_changes_has_no_version(store: Opened, notes: int) -> None:
    """While an event or a note waits to be derived, nothing may be kept."""
    with rolled_back(store) as session:
        before = change_log.version(session, LATE)
        assert before is not None
        change_log.note_changes(session, [("x", "larkspur/shop", None)] * notes, LATE)
        assert (change_log.version(session, LATE) is None) == bool(notes)
        catch_up(session, LATE)
        after = change_log.version(session, LATE)
        assert after is not None
        assert (after == before) == (not notes)
