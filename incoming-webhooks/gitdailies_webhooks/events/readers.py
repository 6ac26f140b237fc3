"""Answers questions beside intake: in processes of their own, few at once, each for a limited time.

A question may read and count for as long as intake takes for a thousand events, and Python runs one
thread at a time. So questions about a large store run in reader processes (`reader_process`), which
start with the first such question. The questions about a small store take milliseconds; they run in
threads, and spare the memory of more processes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Database, Session

from gitdailies_webhooks.events import free_memory, reader_process
from gitdailies_webhooks.events.problem import Refusal, refusal
from gitdailies_webhooks.sql.database import ReadPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Result = TypeVar("Result")

# How many questions run at once, and how many more may wait for their turn.
RUNNING, WAITING = 2, 30
# How long a question may wait for its turn, and then run.
WAIT_SECONDS, RUN_SECONDS = 20.0, 30.0
# In a store with at most this many events, questions run in threads.
SMALL_EVENTS = 2_000

_RETRY_AFTER_SECONDS = 10
_STOP_SECONDS = 2.0
_LAST_EVENT = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1"


class Readers:
    """Runs questions about one store. Use it in one event loop, and `close` it there."""

    def __init__(
        self,
        database: Database,
        pool: ReadPool,
        *,
        small_events: int | None = None,
        kept_seconds: float = free_memory.KEPT_SECONDS,
    ) -> None:
        self._database = database
        self._kept_seconds = kept_seconds
        self._pool = pool
        self._small_events = SMALL_EVENTS if small_events is None else small_events
        self._small = True
        self._threads = ThreadPoolExecutor(RUNNING, "webhooks-questions")
        self._turns = asyncio.Semaphore(RUNNING)
        self._waiting = 0
        self._idle: list[_Reader] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def ask(self, work: Callable[[Session], Result], *, patient: bool = False) -> Result:
        """Run *work* on a snapshot of the store; it and its result can be pickled.

        Raises Refusal (`busy`) if too many questions are asked at once or the answer takes too long, and
        StoreUnavailable. A *patient* question waits for as long as it takes: part of its answer was sent.
        """
        async with self._turn(patient=patient):
            if self._small and await self._in_thread(self._is_small):
                return await self._in_thread(work)
            return await self._in_process(work)

    async def close(self) -> None:
        """End the processes and the threads."""
        while self._idle:
            await self._idle.pop().stop()
        await asyncio.gather(*self._ending)
        self._threads.shutdown(wait=True)

    @asynccontextmanager
    async def _turn(self, *, patient: bool) -> AsyncIterator[None]:
        if self._turns.locked() and self._waiting >= WAITING and not patient:
            raise _busy("too many questions at once")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._turns.acquire(), None if patient else WAIT_SECONDS)
        except TimeoutError:
            raise _busy("too many questions at once") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def _in_thread(self, work: Callable[[Session], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._pool.read, work)

    def _is_small(self, session: Session) -> bool:
        last = session.execute(_LAST_EVENT).fetchone()
        self._small = (0 if last is None else last[0]) <= self._small_events
        return self._small

    async def _in_process(self, work: Callable[[Session], Result]) -> Result:
        reader = self._idle.pop() if self._idle else await _Reader.start(self._database, self._kept_seconds)
        try:
            status, value = await asyncio.wait_for(reader.answer(work), RUN_SECONDS)
        except BaseException as error:
            # Its answer must not be taken for that of the next question.
            ending = asyncio.create_task(reader.kill())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            if isinstance(error, TimeoutError):
                raise _busy(f"the answer would take longer than {RUN_SECONDS:g} seconds") from None
            if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                raise _busy("the process that reads was ended") from None
            raise
        self._idle.append(reader)
        if status == reader_process.REFUSED:
            raise Refusal(value)
        if status == reader_process.UNAVAILABLE:
            raise StoreUnavailable(value)
        if status == reader_process.FAILED:
            raise RuntimeError(value)
        return cast("Result", value)


class _Reader:
    """One reader process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, database: Database, kept_seconds: float) -> _Reader:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            reader_process.__name__,
            str(kept_seconds),
            stdin=PIPE,
            stdout=PIPE,
            # What the user has set stays.
            env={**free_memory.ENVIRONMENT, **os.environ},
            # Ctrl-C in a terminal is for the server, which ends this process by its input.
            start_new_session=True,
        )
        reader = cls(process)
        await reader._send(reader_process.address_of(database))
        return reader

    async def answer(self, work: Any) -> tuple[str, Any]:
        await self._send(work)
        assert self._process.stdout is not None
        (length,) = reader_process.LENGTH.unpack(
            await self._process.stdout.readexactly(reader_process.LENGTH.size)
        )
        answer = reader_process.value_of(await self._process.stdout.readexactly(length))
        return cast("tuple[str, Any]", answer)

    async def stop(self) -> None:
        """End the process after its last answer."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the process amid its answer."""
        with suppress(ProcessLookupError):
            self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(reader_process.frame(value))
        await self._process.stdin.drain()


def _busy(detail: str) -> Refusal:
    return refusal("busy", f"{detail}; ask again later", Retry_After=str(_RETRY_AFTER_SECONDS))
