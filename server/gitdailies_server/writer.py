"""One thread owns the connection that writes; what arrives while it commits shares the next commit.

There is no waiting to fill a batch: under light load a batch is one item, under load it fills
itself while the commit before it reaches the disk. What comes up in one turn of the event loop is
handed over together; else the thread would wake up for the first of it and commit that alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeAlias, TypeVar

from gitdailies_core.errors import StoreUnavailable

from gitdailies_server.database import Database, Session, Whose, reason

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

    *timed* is told, in the writer's thread, how many seconds a commit took and how many items it held.
    """

    def __init__(
        self,
        *,
        database: Database,
        apply: Callable[[Session, Sequence[Item]], Sequence[Result]],
        name: str = "store-writer",
        timed: Callable[[float, int], None] = lambda _seconds, _items: None,
    ) -> None:
        self._database = database
        self._apply = apply
        self._timed = timed
        self._arrived: list[_Entry[Item, Result]] = []
        self._queue: SimpleQueue[list[_Entry[Item, Result]] | None] = SimpleQueue()
        self._session: Session | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
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
        if not self._arrived:
            self._loop.call_soon(self._hand_over)
        self._arrived.append((item, future))
        return future

    async def stop(self) -> None:
        """Commit what was handed over, then end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        self._queue.put(self._arrived)
        self._arrived = []

    def _run(self) -> None:
        running = True
        while running:
            handed = [self._queue.get()]
            with suppress(Empty):
                while True:
                    handed.append(self._queue.get_nowait())
            running = None not in handed
            entries = [entry for together in handed if together is not None for entry in together]
            for first in range(0, len(entries), MOST_A_BATCH):
                batch = entries[first : first + MOST_A_BATCH]
                self._hand_back(batch, self._write([item for item, _ in batch]))
        if self._session is not None:
            self._session.close()

    def _write(self, items: Sequence[Item]) -> Sequence[Result | BaseException]:
        try:
            results = self._in_turn(items)
        except Exception as error:  # noqa: BLE001  whatever an item does, the thread lives on
            if self._is_of_the_store(error):
                self.fault = reason(error)
                self._drop()
                fault = StoreUnavailable(f"store: expected to commit, got {self.fault}")
                return [fault] * len(items)
            self._roll_back()
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._write([item])]
        self.fault = ""
        return results

    def _in_turn(self, items: Sequence[Item]) -> Sequence[Result]:
        for _ in range(_TURNS - 1):
            try:
                return self._commit(items)
            except self._database.errors as error:
                if self._database.whose(error) is not Whose.TURN:
                    raise
                self._roll_back()
        return self._commit(items)

    def _commit(self, items: Sequence[Item]) -> Sequence[Result]:
        if self._session is None:
            self._session = self._database.connect()
        self._database.begin(self._session)
        results = self._apply(self._session, items)
        began = time.perf_counter()
        self._database.commit(self._session)
        self._timed(time.perf_counter() - began, len(items))
        return results

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
            return self._database.whose(error) is not Whose.ITEM
        return isinstance(error, (OSError, StoreUnavailable))

    def _hand_back(
        self, entries: Sequence[_Entry[Item, Result]], outcomes: Sequence[Result | BaseException]
    ) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, entries, outcomes)


def _resolve(entries: Sequence[_Entry[Item, Result]], outcomes: Sequence[Result | BaseException]) -> None:
    for (_, future), outcome in zip(entries, outcomes, strict=True):
        if future.done():  # its caller went away
            continue
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
