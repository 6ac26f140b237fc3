"""Questions run beside intake: in processes, few at once, each for a limited time."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_process
from gitdailies_core.errors import StoreUnavailable
from gitdailies_dora.accounts.keys.key_store import all_keys, create_key
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.events import readers
from gitdailies_dora.events.problem import Refusal
from gitdailies_dora.events.readers import Readers
from gitdailies_dora.events.store import open_store
from gitdailies_dora.sql.database import ReadPool
from gitdailies_server.storage.database import Database

from tests.support.databases import KINDS
from tests.support.dora.payloads import body
from tests.support.dora.questions import answer_of_process, no_table, refused, slow, wrong
from tests.support.dora.running import at, in_thread
from tests.support.dora.visitor import Visitor
from tests.support.figures.asking import worked
from tests.support.loops import in_loop
from tests.support.processes import eventually
from tests.unit.dora.test_intake import NOW, read


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may start slower than a question may last. One test is about that limit."""
    monkeypatch.setattr(readers, "RUN_SECONDS", 300.0)


@asynccontextmanager
async def started(database: Database, small_events: int = -1) -> AsyncIterator[Readers]:
    with (
        closing(ReadPool(database)) as pool,
        closing(Readers(database, pool, small_events=small_events)) as found,
    ):
        yield found


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def two_processes(found: Readers) -> set[int]:
    """Start as many processes as may run."""
    asked = await asyncio.gather(found.ask(answer_of_process), found.ask(answer_of_process))
    return {process for process, _ in asked}


@in_loop
async def test_a_question_about_a_large_store_runs_in_a_process_of_its_own(
    database: Callable[[], Database],
) -> None:
    """It reads the same store, with a lower priority, and the process is used again."""
    create_key(database(), "ci")
    async with started(database()) as found:
        process, keys = await found.ask(answer_of_process)
        assert (process != os.getpid(), keys) == (True, 1)
        assert os.getpriority(os.PRIO_PROCESS, process) > os.getpriority(os.PRIO_PROCESS, 0)
        assert await found.ask(answer_of_process) == (process, 1)
    async with started(database(), small_events=10) as found:
        assert await found.ask(answer_of_process) == (os.getpid(), 1)


@in_loop
async def test_a_question_is_bounded_in_time_and_number(
    database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes too long, and one more than may wait, are refused for now; others are answered."""
    create_key(database(), "ci")
    monkeypatch.setattr(readers, "WAITING", 1)
    async with started(database()) as found:
        first = await two_processes(found)
        assert len(first) == readers.RUNNING
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
        assert (await waiting)[0] not in first
        assert not any(map(is_running, first))


@in_loop
async def test_a_reader_that_dies_or_fails_costs_one_question(database: Callable[[], Database]) -> None:
    """A killed process is replaced, an error names no value, and the process goes on after it."""
    create_key(database(), "ci")
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


def test_no_process_is_left_when_the_server_stops(tmp_path: Path) -> None:
    """One that waits, and one amid an answer, end with the event loop."""
    create_key(tmp_path / "w.db", "ci")

    async def run() -> set[int]:
        async with started(at(f"sqlite:{tmp_path / 'w.db'}")) as found:
            processes = await two_processes(found)
            busy = asyncio.create_task(found.ask(slow))
            await asyncio.sleep(0.1)
            assert not busy.done()
            return processes

    processes = asyncio.run(run())
    assert len(processes) == readers.RUNNING
    assert not any(map(is_running, processes))


@in_loop
async def serve_until_killed(path: str) -> None:
    """Print the processes of a server, and ask one of them for something short; then wait."""
    async with started(at(f"sqlite:{path}")) as found:
        print(*await two_processes(found), flush=True)
        await found.ask(partial(slow, seconds=1))
        await asyncio.sleep(60)


def test_no_process_outlives_a_killed_server(tmp_path: Path) -> None:
    """After `kill -9` of the server, each one ends when it has no more to do."""
    create_key(tmp_path / "w.db", "ci")
    serve = f"from {__name__} import serve_until_killed; serve_until_killed({str(tmp_path / 'w.db')!r})"
    with subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        processes = [int(process) for process in server.stdout.readline().split()]
        time.sleep(0.2)
        server.kill()
    assert len(processes) == readers.RUNNING
    assert eventually(lambda: not any(map(is_running, processes)))


@in_loop
async def test_an_interrupt_of_the_terminal_is_for_the_server(tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal. Those that read go on until the server ends them."""
    create_key(tmp_path / "w.db", "ci")
    async with started(at(f"sqlite:{tmp_path / 'w.db'}")) as found:
        process, _ = await found.ask(answer_of_process)
        os.kill(process, signal.SIGINT)
        assert (await found.ask(answer_of_process))[0] == process


@pytest.mark.parametrize("small_events", [-1, 10], ids=["processes", "threads"])
@in_loop
async def test_intake_does_not_wait_for_questions(
    database: Callable[[], Database], small_events: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While as many questions run and wait as may, a key is found and events are taken."""
    _, key = create_key(database(), "ci", ["send"])
    monkeypatch.setattr(readers, "SMALL_EVENTS", small_events)
    store = open_store(database())
    store.start()
    enough = threading.Event()
    work = slow if small_events < 0 else lambda _: enough.wait(60)
    asked = [asyncio.create_task(store.ask(work)) for _ in range(20)]
    await asyncio.sleep(0.2)
    for number in range(20):
        assert await store.find_key(b"no such key") is None
        outcomes = await store.accept(read(body("deploy", id=f"d{number}")), key, NOW)
        assert outcomes is not None
        assert await store.read(all_keys)
    assert not any(task.done() for task in asked)
    for task in asked:
        task.cancel()
    enough.set()
    await asyncio.gather(*asked, return_exceptions=True)
    await store.close()


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
    in_processes: list[int] = []
    monkeypatch.setattr(readers, "SMALL_EVENTS", -1)
    run_sync = to_process.run_sync

    def noted(*given: Any, **how: Any) -> Any:
        in_processes.append(os.getpid())
        return run_sync(*given, **how)

    monkeypatch.setattr(to_process, "run_sync", noted)
    assert answers() == in_threads
    assert in_processes
