"""The receiver's store: one writer that commits in groups, connections that read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.group_commit import GroupWriter

from gitdailies_webhooks.accounts.key_store import find_key
from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.events import queries
from gitdailies_webhooks.events.intake import Outcome, Submission
from gitdailies_webhooks.events.queries import Row
from gitdailies_webhooks.events.query import Listing
from gitdailies_webhooks.sql.database import Reader, Where, database_at, prepare

Result = TypeVar("Result")

# Rows that a list holds in memory at once.
_PAGE = 1000


def open_store(where: Where, *, strict_order: bool = False) -> Store:
    """Open a store for a server: take its lock, bring its schema up to date.

    Raises ConfigurationError where another server has it or a newer version wrote it,
    StoreUnavailable where it cannot be read or written.
    """
    database = database_at(where)
    database.lock()
    try:
        prepare(database)
    except BaseException:
        database.unlock()
        raise
    return Store(database, strict_order=strict_order)


class Store:
    """An open store; `start` it in the event loop that uses it, `close` it there."""

    def __init__(self, database: Database, *, strict_order: bool) -> None:
        self.database = database
        self._strict_order = strict_order
        self._reader = Reader(database)
        self._writer: GroupWriter[Callable[[Session], Any], Any] = GroupWriter(
            database=database,
            apply=lambda session, works: [work(session) for work in works],
            name="webhooks-writer",
        )

    def start(self) -> None:
        """Start the writer; results are handed to the running event loop."""
        self._writer.start()

    async def close(self) -> None:
        """Commit what was handed over, close the database, give the lock back."""
        await self._writer.stop()
        self._reader.close()
        self.database.unlock()

    @property
    def fault(self) -> str:
        """Why the last commit failed, or "" since one succeeded."""
        return self._writer.fault

    async def key(self, hash_: bytes) -> Key | None:
        """Find a key by its hash, as it stands at this moment: deleted here, or by another process."""
        find = partial(find_key, hash_=hash_)
        # A file is asked in microseconds, for which a thread would take longer to wake up.
        return self._reader.read(find) if self.database.is_local else await self.read(find)

    async def take(self, submission: Submission, key: Key, now: datetime) -> tuple[Outcome, ...] | None:
        """Store what can be taken; done once that is synced. None: the key was deleted meanwhile."""
        return await self.write(
            partial(queries.take, submission=submission, key=key, now=now, strict_order=self._strict_order)
        )

    async def weigh(self, submission: Submission) -> tuple[Outcome, ...]:
        """Decide what would become of a submission, and store nothing."""
        return await self.read(partial(queries.weigh, submission=submission, strict_order=self._strict_order))

    async def delete(self, id_: str, *, actor: str, now: datetime) -> bool:
        """Delete an event, with an audit line; False where there is none of that id."""
        return await self.write(partial(queries.delete, id_=id_, actor=actor, now=now))

    async def use(self, key: Key, now: datetime) -> None:
        """Write down that a key was used for something that itself writes nothing."""
        if queries.unused(key, now):
            await self.write(partial(queries.use, key=key, now=now))

    async def pages(self, listing: Listing) -> AsyncIterator[list[Row]]:
        """Yield a listing page by page.

        Each page is a read of its own: one long read would keep the log from being checkpointed.
        """
        left, after = listing.limit, listing.after
        while left:
            page = await self.read(
                partial(queries.listed, listing=listing, after=after, limit=min(left, _PAGE))
            )
            if not page:
                return
            yield page
            left, after = left - len(page), page[-1].seq

    async def more(self, listing: Listing, after: int) -> bool:
        """Whether a listing has an event behind the cursor *after*."""
        return bool(await self.read(partial(queries.listed, listing=listing, after=after, limit=1)))

    async def write(self, work: Callable[[Session], Result]) -> Result:
        """Run *work* inside a transaction; done once that is synced."""
        return cast("Result", await self._writer.put(work))

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Run *work* on what stands there at one moment."""
        return await asyncio.to_thread(self._reader.read, work)
