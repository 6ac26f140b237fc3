"""Questions run beside intake: in processes, few at once, each for a limited time."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Database
from gitdailies_webhooks.accounts.first_owner import invite_owner
from gitdailies_webhooks.accounts.key_store import all_keys, create_key
from gitdailies_webhooks.events import free_memory, readers
from gitdailies_webhooks.events.problem import Refusal, refusal
from gitdailies_webhooks.events.readers import Readers
from gitdailies_webhooks.events.store import open_store
from gitdailies_webhooks.sql.database import ReadPool

from tests.support.databases import KINDS, postgresql_url
from tests.support.empty_stores import WEBHOOKS
from tests.support.figures.asking import worked
from tests.support.webhooks.payloads import body
from tests.support.webhooks.running import at, in_thread
from tests.support.webhooks.visitor import Visitor
from tests.unit.webhooks.test_intake import NOW, read

MEBIBYTE = 1024**2


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    if request.param == "sqlite":
        yield lambda: at(f"sqlite:{tmp_path / 'w.db'}")
    else:
        with postgresql_url(WEBHOOKS) as url:
            yield lambda: at(url)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may start slower than a question may last. One test is about that limit."""
    monkeypatch.setattr(readers, "RUN_SECONDS", 300.0)


@asynccontextmanager
async def started(
    database: Database, small_events: int = -1, kept_seconds: float = free_memory.KEPT_SECONDS
) -> AsyncIterator[Readers]:
    pool = ReadPool(database)
    found = Readers(database, pool, small_events=small_events, kept_seconds=kept_seconds)
    try:
        yield found
    finally:
        await found.close()
        pool.close()


def answer_of_process(session: Any) -> tuple[int, int]:
    return os.getpid(), len(all_keys(session))


def resident(_session: Any) -> int:
    return free_memory.resident_bytes()


def large(_session: Any, mebibytes: int = 4) -> int:
    """Use 400 MiB in blocks as those of a large question, and return how much is left after them."""
    blocks = [b"1" * (mebibytes * MEBIBYTE) for _ in range(400 // mebibytes)]
    blocks.clear()
    return free_memory.resident_bytes()


def slow(_session: Any, seconds: float = 60) -> int:
    time.sleep(seconds)
    return os.getpid()


def wrong(_session: Any) -> None:
    raise KeyError("gdk_secret")


def refused(_session: Any) -> None:
    raise refusal("busy", "being derived", Retry_After="60")


def no_table(session: Any) -> None:
    session.execute("SELECT 1 FROM nothing")


def test_a_question_about_a_large_store_runs_in_a_process_of_its_own(
    database: Callable[[], Database],
) -> None:
    """It reads the same store, with a lower priority, and the process is used again."""
    create_key(database(), "ci")

    async def run() -> None:
        async with started(database()) as found:
            process, keys = await found.ask(answer_of_process)
            assert (process != os.getpid(), keys) == (True, 1)
            assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
            assert await found.ask(answer_of_process) == (process, 1)
        async with started(database(), small_events=10) as found:
            assert await found.ask(answer_of_process) == (os.getpid(), 1)

    asyncio.run(run())


def test_memory_is_kept_from_question_to_question_and_then_given_back(tmp_path: Path) -> None:
    """What a large question frees serves the next one. After a while without a question, it is given back."""
    create_key(tmp_path / "w.db", "ci")

    async def ask() -> None:
        async with started(at(f"sqlite:{tmp_path / 'w.db'}")) as found:
            before = await found.ask(resident)
            for mebibytes in (4, 100):
                assert await found.ask(partial(large, mebibytes=mebibytes)) > before + 300 * MEBIBYTE
                assert await found.ask(resident) > before + 300 * MEBIBYTE
        async with started(at(f"sqlite:{tmp_path / 'w.db'}"), kept_seconds=0.05) as found:
            before = await found.ask(resident)
            for _ in range(2):
                assert await found.ask(large) > before + 300 * MEBIBYTE
                await asyncio.sleep(1)
                assert await found.ask(resident) < before + free_memory.KEPT_BYTES

    asyncio.run(ask())


def test_a_question_is_bounded_in_time_and_number(
    database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes too long, and one more than may wait, are refused for now; others are answered."""
    create_key(database(), "ci")
    monkeypatch.setattr(readers, "WAITING", 1)

    async def run() -> None:
        async with started(database()) as found:
            first = await asyncio.gather(found.ask(answer_of_process), found.ask(answer_of_process))
            assert len({process for process, _ in first}) == readers.RUNNING
            monkeypatch.setattr(readers, "RUN_SECONDS", 2.0)
            running = [asyncio.create_task(found.ask(slow)) for _ in range(readers.RUNNING)]
            await asyncio.sleep(0.1)
            monkeypatch.setattr(readers, "RUN_SECONDS", 300.0)
            waiting = asyncio.create_task(found.ask(answer_of_process))
            await asyncio.sleep(0.1)
            with pytest.raises(Refusal, match="too many questions at once") as refused:
                await found.ask(answer_of_process)
            problem = refused.value.problem
            assert (problem.status, dict(problem.headers)["Retry-After"]) == (503, "10")
            for late in running:
                with pytest.raises(Refusal, match="would take longer than"):
                    await late
            assert (await waiting)[0] not in {process for process, _ in first}

    asyncio.run(run())


def test_a_reader_that_dies_or_fails_costs_one_question(database: Callable[[], Database]) -> None:
    """A killed process is replaced, an error names no value, and the process goes on after it."""
    create_key(database(), "ci")

    async def run() -> None:
        async with started(database()) as found:
            process, _ = await found.ask(answer_of_process)
            os.kill(process, signal.SIGKILL)
            with pytest.raises(Refusal, match="was ended"):
                await found.ask(answer_of_process)
            other, _ = await found.ask(answer_of_process)
            assert other != process
            with pytest.raises(RuntimeError, match="KeyError at") as failed:
                await found.ask(wrong)
            assert "secret" not in str(failed.value)
            with pytest.raises(Refusal, match="being derived") as problem:
                await found.ask(refused)
            assert dict(problem.value.problem.headers) == {"Retry-After": "60"}
            with pytest.raises(StoreUnavailable):
                await found.ask(no_table)
            assert (await found.ask(answer_of_process))[0] == other

    asyncio.run(run())


@pytest.mark.parametrize("small_events", [-1, 10], ids=["processes", "threads"])
def test_intake_does_not_wait_for_questions(
    database: Callable[[], Database], small_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While as many questions run and wait as may, a key is found and events are taken."""
    _, key = create_key(database(), "ci", ["send"])
    monkeypatch.setattr(readers, "SMALL_EVENTS", small_events)

    async def run() -> None:
        store = open_store(database())
        store.start()
        asked = [asyncio.create_task(store.ask(partial(slow, seconds=3))) for _ in range(20)]
        await asyncio.sleep(0.2)
        for number in range(20):
            assert await store.find_key(b"no such key") is None
            outcomes = await store.accept(read(body("deploy", id=f"d{number}")), key, NOW)
            assert outcomes is not None
            assert await store.read(all_keys)
        assert not any(task.done() for task in asked)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await store.close()

    asyncio.run(run())


def test_answers_are_the_same_from_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures, reasons, lists and pages can be asked of a process, and say what a thread says."""
    asked = (
        "/api/metrics?now=2026-04-05T12:00:00Z",
        "/api/metrics/why?from=2026-01-01&limit=500",
        "/api/events?repo=larkspur/shop&limit=5",
    )
    pages = ("/dora?now=2026-04-05T12:00:00Z", "/events?q=larkspur", "/events/1")
    store = at(f"sqlite:{tmp_path / 'w.db'}")

    def answers(send: bool = False) -> list[str]:
        with in_thread(store) as receiver:
            if send:
                assert receiver.post(receiver.key("ci"), worked()).status_code == 202
            visitor = Visitor(receiver)
            visitor.join(invite_owner(receiver.store), f"Kim {send}")
            key = receiver.key(f"reader {send}", "read")
            found = [receiver.get(key, path) for path in asked]
            found += [visitor.get(path) for path in pages]
            assert {answer.status_code for answer in found} == {200}
            changing = re.compile(rf'Kim {send}|{receiver.url}|name="form_token" value="\w+"')
            return [changing.sub("", answer.text) for answer in found]

    in_threads = answers(send=True)
    started: list[Database] = []
    monkeypatch.setattr(readers, "SMALL_EVENTS", -1)
    start = readers._Reader.start

    def noted(database: Database, kept_seconds: float) -> Any:
        started.append(database)
        return start(database, kept_seconds)

    monkeypatch.setattr(readers._Reader, "start", noted)
    in_processes = answers()
    assert started
    assert in_processes == in_threads
