"""One writer for each store. Items that arrive during a commit share the next commit.

The writer never waits to fill a batch. Under light load a batch is one item. Under heavy load it fills
while the previous commit reaches the disk. Items of one iteration of the event loop share a batch;
otherwise the first of them would be committed alone.

A transaction waits for locks and disks, so a thread of its own runs it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from gitdailies_core.errors import StoreUnavailable

from gitdailies_server.storage.database import Database, ErrorScope, Session, reason
from gitdailies_server.storage.file_watch import FileWatch
from gitdailies_server.storage.write_scope import EVERYTHING, NotInScope, Scope

Item = TypeVar("Item")
Result = TypeVar("Result")
# An item, what is called with its result, and when it came.
_Entry: TypeAlias = tuple[Item, Callable[[Result | BaseException], None], float]

# Bounds how long the first item of a batch waits for the last one.
MOST_A_BATCH = 256
# PagerDuty waits 5 s for an answer, and so does the relay. A commit that takes longer is of no use to them.
ANSWER_SECONDS = 4.0
# If two servers block each other, one of them tries again, this often.
_ATTEMPTS = 5


class GroupWriter(Generic[Item, Result]):
    """Apply items in batches. Each batch is one transaction, synced before its futures are done.

    *apply* writes a batch and returns one result for each item; the transaction is begun and committed
    here. If it fails for a reason other than the database, the batch is rolled back and its items are
    tried one by one, so that a bad item cannot make the others fail.

    *scope* says what a batch is about, so that other servers may write about other things meanwhile. Where
    *apply* raises NotInScope, the batch is written again, about everything.
    *timed* is called in the writer's thread with the seconds that a commit took and its number of items.
    """

    def __init__(
        self,
        *,
        database: Database,
        apply: Callable[[Session, Sequence[Item]], Sequence[Result]],
        scope: Callable[[Sequence[Item]], Scope] = lambda _items: EVERYTHING,
        timed: Callable[[float, int], None] = lambda _seconds, _items: None,
    ) -> None:
        self._database = database
        self._apply = apply
        # A local database has no other writer that would wait.
        self._scope = scope if not database.is_local else lambda _items: EVERYTHING
        self._timed = timed
        self._arrived: list[_Entry[Item, Result]] = []
        self._session: Session | None = None
        self._work: SimpleQueue[list[_Entry[Item, Result]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._watch: FileWatch | None = None
        self._commit_fault = ""
        # When the oldest item of the running commit came.
        self._oldest: float | None = None

    @property
    def waiting_seconds(self) -> float:
        """For how long the oldest item has waited for its commit, 0.0 if none waits. Any thread may ask."""
        oldest = self._oldest
        return 0.0 if oldest is None else time.monotonic() - oldest

    @property
    def fault(self) -> str:
        """Why the last commit failed or the next one would, or ""; readiness shows it."""
        if (seconds := self.waiting_seconds) >= ANSWER_SECONDS:
            return f"store: a commit has not ended for {seconds:.0f} s"
        return self._commit_fault or self._moved()

    def start(self) -> None:
        """Start the thread; results go to the running event loop. The database exists."""
        self._watch = self._database.watch()
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Write an item; the future is done when its commit is synced.

        Call and future raise StoreUnavailable if the database cannot write.
        """
        future: asyncio.Future[Result] = self._running().create_future()
        self.put_then(item, partial(_settle, future))
        return future

    def put_then(self, item: Item, done: Callable[[Result | BaseException], None]) -> None:
        """Like `put`, without a future: *done* is called with the result or the error."""
        loop = self._running()
        if self.waiting_seconds >= 2 * ANSWER_SECONDS:
            # Nobody would wait for its end, and the items would fill the memory.
            raise StoreUnavailable(self.fault)
        self._arrived.append((item, done, time.monotonic()))
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._next)

    async def stop(self) -> None:
        """Commit all waiting items, then end the thread."""
        if not self._closed:
            self._closed = True
            await self._idle.wait()
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)

    # In the event loop.

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._closed:
            raise StoreUnavailable("store: the writer is stopped")
        return self._loop

    def _next(self) -> None:
        batch = self._arrived[:MOST_A_BATCH]
        del self._arrived[: len(batch)]
        self._oldest = batch[0][2] if batch else None
        if batch:
            self._work.put(batch)
        else:
            self._idle.set()

    def _finish_batch(self, batch: Sequence[_Entry[Item, Result]], outcomes: Sequence[Any]) -> None:
        for (_, done, _), outcome in zip(batch, outcomes, strict=True):
            try:
                done(outcome)
            except Exception as error:  # noqa: BLE001  a fault of one caller must not stop the writer
                context = {"message": "the result of a commit was not handled", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
        # The answers go out first: who waited for one sends again, and shares the next commit.
        asyncio.get_running_loop().call_soon(self._next)

    # In the thread.

    def _run(self) -> None:
        while (batch := self._work.get()) is not None:
            outcomes = self._write([item for item, _, _ in batch])
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._finish_batch, batch, outcomes)
        if self._session is not None:
            self._session.close()

    def _write(self, items: Sequence[Item]) -> Sequence[Result | BaseException]:
        try:
            return self._retry_conflicts(items)
        except Exception as error:  # noqa: BLE001  the thread must survive any error of an item
            if self._is_store_error(error):
                return [self._fault(error)] * len(items)
            self._roll_back()
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._write([item])]

    def _retry_conflicts(self, items: Sequence[Item]) -> Sequence[Result]:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._transaction(items)
            except self._database.errors as error:
                if self._database.error_scope(error) is not ErrorScope.CONFLICT:
                    raise
                self._roll_back()
        return self._transaction(items)

    def _transaction(self, items: Sequence[Item]) -> Sequence[Result]:
        try:
            results = self._apply(self._begin(self._scope(items)), items)
        except NotInScope:
            self._roll_back()
            results = self._apply(self._begin(), items)
        began = time.perf_counter()
        assert self._session is not None
        self._database.commit(self._session)
        self._timed(time.perf_counter() - began, len(items))
        self._commit_fault = ""
        return results

    def _begin(self, scope: Scope = EVERYTHING) -> Session:
        if moved := self._moved():
            # Nothing is stored in a file that no one will find.
            raise StoreUnavailable(moved)
        if self._session is None:
            self._session = self._database.connect(for_intake=True)
            if self._watch is not None:
                self._watch.opened()
        self._database.begin(self._session, scope)
        return self._session

    def _moved(self) -> str:
        return "" if self._watch is None else self._watch.moved()

    def _fault(self, error: Exception) -> StoreUnavailable:
        self._commit_fault = str(error) if isinstance(error, StoreUnavailable) else reason(error)
        self._drop()
        return StoreUnavailable(f"store: cannot commit: {self._commit_fault}")

    def _roll_back(self) -> None:
        if self._session is not None:
            try:
                self._database.rollback(self._session)
            except self._database.errors:
                self._drop()

    def _drop(self) -> None:
        # After a failed sync the cache of a connection cannot be trusted; a new one reads the database.
        # But it would open what is at the path of a file that was moved, and that is not ours.
        if self._session is not None and not self._moved():
            with suppress(*self._database.errors):
                self._session.close()
            self._session = None
            if self._watch is not None:
                self._watch.closed()

    def _is_store_error(self, error: Exception) -> bool:
        if isinstance(error, self._database.errors):
            return self._database.error_scope(error) is not ErrorScope.ITEM
        return isinstance(error, (OSError, StoreUnavailable))


def _settle(future: asyncio.Future[Result], outcome: Result | BaseException) -> None:
    if future.done():  # the caller is gone
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
