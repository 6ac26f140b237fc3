"""One writer a store; what arrives while it commits shares the next commit.

There is no waiting to fill a batch: under light load a batch is one item, under load it fills
itself while the commit before it reaches the disk. What comes up in one turn of the event loop is
in one batch; else the first of it would be committed alone.

Beginning and committing wait for locks and disks, so a thread of its own does that. Statements in
between run in that thread as well, unless they are over in microseconds: then the event loop runs
them itself, since a thread that asks for Python's lock at each statement costs more than it saves.
"""

from __future__ import annotations

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

Item = TypeVar("Item")
Result = TypeVar("Result")
_Entry: TypeAlias = tuple[Item, "asyncio.Future[Result]"]

# Bounds how long the first of a batch waits for the last.
MOST_A_BATCH = 256
# Two servers in each other's way: one of them begins again.
_TURNS = 5


class GroupWriter(Generic[Item, Result]):
    """Apply items in batches, each batch one transaction that is synced before anyone is told.

    *apply* writes a batch inside a transaction that is begun and committed here, and returns a
    result an item. Where it fails for a reason that is not the database's, the batch is rolled
    back and its items are tried alone, so that one cannot spoil the others.

    *quick* says of an item that its statements take microseconds on a database that is `here`.
    *timed* is told, in the writer's thread, how many seconds a commit took and how many items it held.
    """

    def __init__(
        self,
        *,
        database: Database,
        apply: Callable[[Session, Sequence[Item]], Sequence[Result]],
        name: str = "store-writer",
        quick: Callable[[Item], bool] = lambda _item: False,
        timed: Callable[[float, int], None] = lambda _seconds, _items: None,
    ) -> None:
        self._database = database
        self._apply = apply
        self._quick = quick if database.is_local else lambda _item: False
        self._timed = timed
        self._arrived: list[_Entry[Item, Result]] = []
        self._session: Session | None = None
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resting = asyncio.Event()
        self._resting.set()
        self._closed = False
        # Why the last commit failed, or "" since one succeeded: what readiness shows.
        self.fault = ""

    def start(self) -> None:
        """Start the thread; results are handed to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def put(self, item: Item) -> asyncio.Future[Result]:
        """Hand over an item; the future is done after the commit that holds it was synced.

        It raises StoreUnavailable where the database cannot write.
        """
        if self._loop is None or self._closed:
            raise StoreUnavailable("store: expected a running writer, got one that is stopped")
        future: asyncio.Future[Result] = self._loop.create_future()
        self._arrived.append((item, future))
        if self._resting.is_set():
            self._resting.clear()
            self._loop.call_soon(self._next)
        return future

    async def stop(self) -> None:
        """Commit what was handed over, then end the thread."""
        if not self._closed:
            self._closed = True
            await self._resting.wait()
            self._work.put(None)
            await asyncio.to_thread(self._thread.join)

    # In the event loop.

    def _next(self) -> None:
        if not self._arrived:
            self._resting.set()
        elif self._quick(self._arrived[0][0]):
            self._work.put(self._open)
        else:
            batch = self._batch(lambda item: not self._quick(item))
            self._work.put(partial(self._alone, batch))

    def _batch(self, fits: Callable[[Item], bool]) -> list[_Entry[Item, Result]]:
        batch = self._arrived[:MOST_A_BATCH]
        for number, (item, _) in enumerate(batch):
            if not fits(item):
                del batch[number:]
                break
        del self._arrived[: len(batch)]
        return batch

    def _opened(self, fault: StoreUnavailable | None) -> None:
        """Run the statements of a batch in the transaction that the thread has begun for it."""
        batch = self._batch(self._quick)
        if fault is not None or self._session is None:
            self._closed_with(batch, [fault] * len(batch), reopened=False)
            return
        try:
            results = self._apply(self._session, [item for item, _ in batch])
        except Exception:  # noqa: BLE001  the thread finds out whose it is
            self._work.put(partial(self._alone, batch))
        else:
            self._work.put(partial(self._close, batch, results))

    def _closed_with(
        self, batch: Sequence[_Entry[Item, Result]], outcomes: Sequence[Any], *, reopened: bool
    ) -> None:
        _resolve(batch, outcomes)
        # After those who were waiting: they answer while the next batch is on its way to the disk.
        if reopened and self._loop is not None:
            self._loop.call_soon(self._opened, None)
        else:
            self._next()

    # In the thread.

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
        if self._session is not None:
            self._session.close()

    def _open(self) -> None:
        fault = None
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001  whatever it is, the thread lives on
            fault = self._fault(error)
        self._tell(self._opened, fault)

    def _close(self, batch: Sequence[_Entry[Item, Result]], results: Sequence[Result]) -> None:
        outcomes: Sequence[Any] = results
        try:
            self._commit(len(batch))
        except Exception as error:  # noqa: BLE001
            outcomes = [self._fault(error)] * len(batch)
        self._tell(partial(self._closed_with, batch, outcomes, reopened=self._reopen()))

    def _reopen(self) -> bool:
        """Begin for what has arrived meanwhile; a fault is found out when that is asked for."""
        if not self._arrived or not self._quick(self._arrived[0][0]):
            return False
        try:
            self._begin()
        except Exception:  # noqa: BLE001
            self._drop()
            return False
        return True

    def _alone(self, batch: Sequence[_Entry[Item, Result]]) -> None:
        self._roll_back()
        outcomes = self._write([item for item, _ in batch])
        self._tell(partial(self._closed_with, batch, outcomes, reopened=False))

    def _write(self, items: Sequence[Item]) -> Sequence[Result | BaseException]:
        try:
            return self._in_turn(items)
        except Exception as error:  # noqa: BLE001  whatever an item does, the thread lives on
            if self._is_of_the_store(error):
                return [self._fault(error)] * len(items)
            self._roll_back()
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._write([item])]

    def _in_turn(self, items: Sequence[Item]) -> Sequence[Result]:
        for _ in range(_TURNS - 1):
            try:
                return self._transaction(items)
            except self._database.errors as error:
                if self._database.error_scope(error) is not ErrorScope.CONFLICT:
                    raise
                self._roll_back()
        return self._transaction(items)

    def _transaction(self, items: Sequence[Item]) -> Sequence[Result]:
        results = self._apply(self._begin(), items)
        self._commit(len(items))
        return results

    def _begin(self) -> Session:
        if self._session is None:
            self._session = self._database.connect()
        self._database.begin(self._session)
        return self._session

    def _commit(self, items: int) -> None:
        assert self._session is not None
        began = time.perf_counter()
        self._database.commit(self._session)
        self._timed(time.perf_counter() - began, items)
        self.fault = ""

    def _fault(self, error: Exception) -> StoreUnavailable:
        self.fault = reason(error)
        self._drop()
        return StoreUnavailable(f"store: expected to commit, got {self.fault}")

    def _roll_back(self) -> None:
        if self._session is not None:
            try:
                self._database.rollback(self._session)
            except self._database.errors:
                self._drop()

    def _drop(self) -> None:
        # After a failed sync nothing is known of what is cached: a new connection reads the database.
        if self._session is not None:
            with suppress(*self._database.errors):
                self._session.close()
            self._session = None

    def _is_of_the_store(self, error: Exception) -> bool:
        if isinstance(error, self._database.errors):
            return self._database.error_scope(error) is not ErrorScope.ITEM
        return isinstance(error, (OSError, StoreUnavailable))

    def _tell(self, told: Callable[..., None], *given: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(told, *given)


def _resolve(entries: Sequence[_Entry[Item, Result]], outcomes: Sequence[Result | BaseException]) -> None:
    for (_, future), outcome in zip(entries, outcomes, strict=True):
        if future.done():  # its caller went away
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
