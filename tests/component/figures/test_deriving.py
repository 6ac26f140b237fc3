"""When a server derives, and how much at once: little while events arrive, and everything for a request."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import structlog
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_dora.derived import worker
from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.read.events.related import RelatedReader
from gitdailies_dora.derived.read.figures.answer import of_selection
from gitdailies_dora.derived.read.question import question
from gitdailies_dora.derived.worker import Deriver
from gitdailies_dora.events.problem import Refusal
from gitdailies_dora.events.records import change_log
from gitdailies_dora.events.store import EventStore, open_store
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us, utc_now

from tests.support.databases import PAGE_KINDS
from tests.support.dora.payloads import body
from tests.unit.dora.test_intake import NOW, read

pytestmark = pytest.mark.parametrize("kind", PAGE_KINDS)

EVENTS = 300


def run(
    database: Database,
    work: Callable[[EventStore, Deriver], Awaitable[None]],
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Run *work* with a store of new events, and a deriver that does nothing by itself."""

    async def whole() -> None:
        store = open_store(database)
        store.start()
        key = create_key(database, "ci", ["send"])[1]
        events = [body("deploy", id=f"d-{number}", commitSHA=f"{number:040x}") for number in range(EVENTS)]
        assert await store.accept(read(events), key, NOW)
        deriver = Deriver(store, FigureSettings(), clock, structlog.get_logger())
        await work(store, deriver)
        await deriver.stop()
        await store.close()

    asyncio.run(whole())


async def left(store: EventStore) -> int:
    return await store.read(partial(change_log.count_pending, now=now_us(), most=EVENTS))


def test_while_long_lists_arrive_one_step_is_derived(database: Callable[[], Database]) -> None:
    """A patient caller leaves most of an import for later, and goes on shortly after the last list."""

    async def work(store: EventStore, deriver: Deriver) -> None:
        with deriver.taking_list():
            await deriver.derive(patient=True)
            assert 0 < await left(store) < EVENTS
        await asyncio.sleep(worker.LIST_SECONDS)
        await deriver.derive(patient=True)
        assert await left(store) == 0

    run(database(), work)


def test_a_request_amid_an_import_gets_what_has_arrived(
    database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures that somebody asks for do not wait for the end of the lists."""
    # On a busy machine, a request would otherwise get what was derived in time.
    monkeypatch.setattr(worker, "WAIT_SECONDS", 60.0)

    async def work(store: EventStore, deriver: Deriver) -> None:
        with deriver.taking_list():
            await deriver.derive(patient=True)
            await deriver.catch_up()
            assert await left(store) == 0

    run(database(), work)


def test_an_older_server_leaves_rows_of_newer_definitions_alone(
    database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither deletes nor updates them, and says so once; small questions are answered from the events."""
    asked = question({"from": "2026-01-01"}, FigureSettings(), now_us())

    async def stored(store: EventStore) -> tuple[Any, ...]:
        return await store.read(
            lambda session: (
                session.execute("SELECT value FROM figures_settings").fetchall(),
                session.execute("SELECT id, at FROM figures_deploys ORDER BY id").fetchall(),
            )
        )

    async def work(store: EventStore, deriver: Deriver) -> None:
        monkeypatch.setattr(rows, "DEFINITIONS", "2026-10")
        await deriver.derive()
        monkeypatch.undo()
        before = await stored(store)
        assert len(before[1]) == EVENTS
        key = create_key(database_, "more", ["send"])[1]
        assert await store.accept(read([body("deploy", id="later", commitSHA="f" * 40)]), key, NOW)
        older = Deriver(store, FigureSettings(window=timedelta(hours=9)), utc_now, structlog.get_logger())
        with structlog.testing.capture_logs() as log:
            for _ in range(3):
                await older.derive()
            assert not await older.pack()
        assert await stored(store) == before
        (said,) = log
        assert "2026-10" in said["reason"]
        answer = await store.read(partial(of_selection, question=asked, settings=older.settings))
        assert answer.figures.deployment_frequency.deploys == EVENTS + 1
        with pytest.raises(Refusal, match="a newer release"):
            await store.read(lambda session: RelatedReader(session, older.settings, now_us()).check())
        await older.stop()

    database_ = database()
    run(database_, work)
