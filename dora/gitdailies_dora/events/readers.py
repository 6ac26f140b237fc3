"""Answers questions alongside intake: in processes of their own, few at once, each for a limited time.

A question may read and count for as long as intake takes for a thousand events, and Python runs one
thread at a time. So questions about a large store run in processes, which anyio starts with the first such
question, and ends with the event loop. The questions about a small store take milliseconds; they run in
threads, and spare the memory of more processes.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeAlias, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, to_process
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.values.secret import Secret
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.round_trips import only_if
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.sqlite import SqliteDatabase

from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.sql.database import PLANS, RUNNING, ReadPool

Result = TypeVar("Result")
# The path of an SQLite file; or the address of a database, where that was read from, and the schema.
_Address: TypeAlias = tuple[str, ...]

# How many more questions than those that run may wait for their turn.
WAITING = 30
# How long a question may wait for its turn, and then run.
WAIT_SECONDS, RUN_SECONDS = 20.0, 30.0
# In a store with at most this many events, questions run in threads.
SMALL_EVENTS = 2_000

# Intake goes first where cores are scarce.
_NICE = 10
_RETRY_AFTER_SECONDS = 10
# The most free memory that a process keeps for its next arrays.
_KEPT_MEMORY = 64 * 1024 * 1024
_LAST_EVENT = "SELECT seq FROM events ORDER BY seq DESC LIMIT 1"


class Readers:
    """Runs questions about one store. Use it in one event loop, and `close` it there."""

    def __init__(self, database: Database, pool: ReadPool, *, small_events: int | None = None) -> None:
        self._address = _address_of(database)
        self._pool = pool
        self._small_events = SMALL_EVENTS if small_events is None else small_events
        self._small = True
        running = getattr(database, "elsewhere", 0) or RUNNING
        self._threads = ThreadPoolExecutor(running, "dora-questions")
        self._turns = asyncio.Semaphore(running)
        # Without one of our own, anyio would start a process for each core.
        self._processes = CapacityLimiter(running)
        self._waiting = 0
        # NumPy reads it in a process that starts. On processors of AMD, it sorts five times as fast by AVX2
        # as by AVX-512, which makes a third of the answer about a million events.
        os.environ.setdefault("NPY_DISABLE_CPU_FEATURES", "X86_V4")
        # So does the C library. An answer makes many arrays of some MiB. By itself it would give the memory
        # of each back to the system, and clearing it again makes a tenth of the answer.
        os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(_KEPT_MEMORY))
        os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(_KEPT_MEMORY))
        # Threads that count for one answer share what is free, in place of a part for each.
        os.environ.setdefault("MALLOC_ARENA_MAX", "1")

    async def ask(self, work: Callable[[Session], Result], *, patient: bool = False) -> Result:
        """Run *work* on a snapshot of the store; it and its result can be pickled.

        Raises Refusal (`busy`) if too many questions are asked at once or the answer takes too long, and
        StoreUnavailable. A *patient* question waits for as long as it takes: part of its answer was sent.
        """
        async with self._turn(patient=patient):
            if self._small:
                found = await self._in_thread(
                    lambda session: only_if(session, partial(self._is_small, session), partial(work, session))
                )
                if found:
                    return found[0]
            return await self._in_process(work)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True)

    @asynccontextmanager
    async def _turn(self, *, patient: bool) -> AsyncIterator[None]:
        if self._turns.locked() and self._waiting >= WAITING and not patient:
            raise _busy("too many questions at once")
        self._waiting += 1
        try:
            async with asyncio.timeout(None if patient else WAIT_SECONDS):
                await self._turns.acquire()
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
        try:
            async with asyncio.timeout(RUN_SECONDS):
                # A process is killed once no request waits for its answer.
                return await to_process.run_sync(
                    _answer, self._address, work, cancellable=True, limiter=self._processes
                )
        except TimeoutError:
            raise _busy(f"the answer would take longer than {RUN_SECONDS:g} seconds") from None
        except BrokenWorkerProcess:
            raise _busy("the process that reads was ended") from None


def _busy(detail: str) -> Refusal:
    return refusal("busy", f"{detail}; ask again later", Retry_After=str(_RETRY_AFTER_SECONDS))


def _address_of(database: Database) -> _Address:
    """Return what another process of this server needs to open *database*; it holds the password."""
    if isinstance(database, SqliteDatabase):
        return (str(database.path.absolute()),)
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert isinstance(database, PostgresqlDatabase)
    return (database.url.reveal(), database.url.origin, database.schema)


# In the process.


def _answer(address: _Address, work: Callable[[Session], Result]) -> Result:
    try:
        return _process_pool(address).read(work)
    except (Refusal, StoreUnavailable):
        raise
    except Exception as error:  # noqa: BLE001  another error may hold values, or not fit into a pickle
        raise RuntimeError(describe_error(error)) from None


@cache
def _process_pool(address: _Address) -> ReadPool:
    """Return the connections of this process. The first question makes them, and prepares the process."""
    # Ctrl-C in a terminal is for the server, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # a supervisor may forbid it
        os.nice(_NICE)
    freeze_startup_objects()
    return ReadPool(_database(*address))


def _database(place: str, origin: str = "", schema: str = "") -> Database:
    if not schema:
        return SqliteDatabase(Path(place))
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(Secret(place, origin), schema, PLANS, connections=1)
