"""The receiver's store: one writer that commits in groups, one connection that looks up keys."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.database import reason
from gitdailies_server.lock import ServerLock
from gitdailies_server.sqlite import SqliteDatabase, connect
from gitdailies_server.writer import GroupWriter

from gitdailies_webhooks import statements
from gitdailies_webhooks.intake import Outcome, Submission
from gitdailies_webhooks.keyring import find_key, prepare
from gitdailies_webhooks.keys import Key
from gitdailies_webhooks.query import Listing
from gitdailies_webhooks.statements import Row

Result = TypeVar("Result")

# Rows that a list holds in memory at once.
_PAGE = 1000


def open_store(path: Path, *, strict_order: bool = False) -> Store:
    """Open *path* for a server: take its lock, bring its schema up to date.

    Raises ConfigurationError where another server has it or a newer version wrote it,
    StoreUnavailable where it cannot be read or written.
    """
    lock = ServerLock(path)
    lock.acquire()
    try:
        with closing(connect(path)) as connection:
            prepare(connection, path)
        return Store(path, lock, strict_order=strict_order)
    except sqlite3.Error as error:
        lock.release()
        raise StoreUnavailable(f"{path}: expected to read and write it, got {reason(error)}") from error
    except BaseException:
        lock.release()
        raise


class Store:
    """An open store; `start` it in the event loop that uses it, `close` it there."""

    def __init__(self, path: Path, lock: ServerLock, *, strict_order: bool) -> None:
        self._path = path
        self._lock = lock
        self._strict_order = strict_order
        self._lookups: sqlite3.Connection | None = None
        self._writer: GroupWriter[Callable[[Any], Any], Any] = GroupWriter(
            database=SqliteDatabase(path, lambda *given, **more: connect(*given, **more)),
            apply=lambda connection, works: [work(connection) for work in works],
            name="webhooks-writer",
        )

    def start(self) -> None:
        """Start the writer; results are handed to the running event loop."""
        self._writer.start()

    async def close(self) -> None:
        """Commit what was handed over, close the file, give the lock back."""
        await self._writer.stop()
        if self._lookups is not None:
            self._lookups.close()
        self._lock.release()

    @property
    def fault(self) -> str:
        """Why the last commit failed, or "" since one succeeded."""
        return self._writer.fault

    def key(self, hash_: bytes) -> Key | None:
        """Find a key by its hash, as the file has it at this moment: one indexed read."""
        try:
            if self._lookups is None:
                self._lookups = connect(self._path, read_only=True)
            return find_key(self._lookups, hash_)
        except sqlite3.Error as error:
            if self._lookups is not None:
                self._lookups.close()
                self._lookups = None
            raise StoreUnavailable(f"store: expected to read a key, got {reason(error)}") from error

    async def take(self, submission: Submission, key: Key, now: datetime) -> tuple[Outcome, ...] | None:
        """Store what can be taken; done once that is synced. None: the key was deleted meanwhile."""
        return await self.write(
            partial(statements.take, submission=submission, key=key, now=now, strict_order=self._strict_order)
        )

    async def weigh(self, submission: Submission) -> tuple[Outcome, ...]:
        """Decide what would become of a submission, and store nothing."""
        return await self.read(
            partial(statements.weigh, submission=submission, strict_order=self._strict_order)
        )

    async def delete(self, id_: str, *, actor: str, now: datetime) -> bool:
        """Delete an event, with an audit line; False where there is none of that id."""
        return await self.write(partial(statements.delete, id_=id_, actor=actor, now=now))

    async def use(self, key: Key, now: datetime) -> None:
        """Write down that a key was used for something that itself writes nothing."""
        if statements.unused(key, now):
            await self.write(partial(statements.use, key=key, now=now))

    async def pages(self, listing: Listing) -> AsyncIterator[list[Row]]:
        """Yield a listing page by page.

        Each page is a read of its own: one long read would keep the log from being checkpointed.
        """
        left, after = listing.limit, listing.after
        while left:
            page = await self.read(
                partial(statements.listed, listing=listing, after=after, limit=min(left, _PAGE))
            )
            if not page:
                return
            yield page
            left, after = left - len(page), page[-1].seq

    async def more(self, listing: Listing, after: int) -> bool:
        """Whether a listing has an event behind the cursor *after*."""
        return bool(await self.read(partial(statements.listed, listing=listing, after=after, limit=1)))

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run *work* inside a transaction; done once that is synced."""
        return cast("Result", await self._writer.put(work))

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run *work* on what stands there at one moment."""
        return await asyncio.to_thread(self._read_now, work)

    def _read_now(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            with closing(connect(self._path, read_only=True)) as connection:
                connection.execute("BEGIN")  # what is read together is of one moment
                return work(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"store: expected to read, got {reason(error)}") from error
