"""The store of a running server: one writer that commits in groups, and connections that read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session
from gitdailies_server.storage.group_commit import ANSWER_SECONDS, GroupWriter

from gitdailies_dora.accounts.keys.key_store import find_key
from gitdailies_dora.accounts.keys.webhook_key import Key
from gitdailies_dora.events import listing as lists
from gitdailies_dora.events import queries
from gitdailies_dora.events.intake import EntryResult, Submission
from gitdailies_dora.events.listing import StoredEvent
from gitdailies_dora.events.problem import StoreTimeout
from gitdailies_dora.events.query import Listing, Position
from gitdailies_dora.events.readers import Readers
from gitdailies_dora.events.records import senders
from gitdailies_dora.events.records.senders import Arrival
from gitdailies_dora.sql import additions
from gitdailies_dora.sql.database import MIGRATIONS, ReadPool, StoreLocation, database_at, migrate

Result = TypeVar("Result")

# How many rows of a list are in memory at once.
_PAGE = 1000
# Threads that look up keys and check events, and those for other short reads. Neither waits for the other.
_INTAKE_THREADS, _READ_THREADS = 4, 4


def open_store(
    location: StoreLocation,
    *,
    strict_order: bool = False,
    timed: Callable[[float, int], None] = lambda _seconds, _items: None,
) -> "EventStore":
    """Open a store for a server: lock it and bring it to the schema of this version.

    *timed* is called with the seconds of each commit and its number of items.

    Raises ConfigurationError if another server uses the store or a newer version wrote it,
    StoreUnavailable if it cannot be read or written.
    """
    database = database_at(location)
    database.lock()
    try:
        migrate(database)
    except BaseException:
        database.unlock()
        raise
    return EventStore(database, strict_order=strict_order, timed=timed)


class EventStore:
    """An open store. `start` it in the event loop that uses it, and `close` it there.

    Intake never waits for readers: it has a writer, threads and connections of its own. Reads that take
    a moment, such as that of a session, are for `read`; all others are for `ask`.
    """

    def __init__(
        self, database: Database, *, strict_order: bool, timed: Callable[[float, int], None]
    ) -> None:
        self.database = database
        self._strict_order = strict_order
        self._arrivals: list[Arrival] = []
        self._intake_pool, self._read_pool = ReadPool(database, for_intake=True), ReadPool(database)
        self._intake_threads = ThreadPoolExecutor(_INTAKE_THREADS, "dora-intake")
        self._read_threads = ThreadPoolExecutor(_READ_THREADS, "dora-reads")
        self._readers = Readers(database, self._read_pool)
        self.writer: GroupWriter[Callable[[Session], Any], Any] = GroupWriter(
            database=database,
            apply=self._apply,
            timed=timed,
        )

    def start(self) -> None:
        """Start the writer; it passes results to the running event loop."""
        self.writer.start()

    async def close(self) -> None:
        """Commit what was passed to `write`, close the database and unlock it."""
        await self.writer.stop()
        self._readers.close()
        for threads in (self._intake_threads, self._read_threads):
            threads.shutdown()
        for pool in (self._intake_pool, self._read_pool):
            pool.close()
        self.database.unlock()

    async def touch(self, text: str) -> str:
        """Write *text* into an unread row; return why this version may not use the store, or ""."""

        def work(session: Session) -> str:
            if not (unfit := migrations.unfit(session, MIGRATIONS)):
                additions.touch(session, text)
            return unfit

        return await self.write(work, patient=True)

    async def find_key(self, hash_: bytes) -> Key | None:
        """Find a key by its hash; a key that any process has deleted is returned as deleted."""
        find = partial(find_key, hash_=hash_)
        # Reading an SQLite file takes microseconds. Waking up a thread would take longer.
        if self.database.is_local:
            return self._intake_pool.read(find)
        return await self.compute(partial(self._intake_pool.read, find))

    async def accept(self, submission: Submission, key: Key, now: datetime) -> tuple[EntryResult, ...] | None:
        """Store the valid events of a submission; return once they are synced, None if *key* is deleted."""
        decide = partial(queries.accept, strict_order=self._strict_order, arrivals=self._arrivals)
        return await self.write(partial(decide, submission=submission, key=key, now=now))

    async def evaluate(self, submission: Submission) -> tuple[EntryResult, ...]:
        """Return the outcomes that `accept` would have, and store nothing."""
        decide = partial(queries.evaluate, submission=submission, strict_order=self._strict_order)
        return await self.compute(partial(self._intake_pool.read, decide))

    async def delete(self, id_: str, *, actor: str, now: datetime) -> bool:
        """Delete an event and add an audit line; return False if there is no event with that id."""
        return await self.write(partial(queries.delete, id_=id_, actor=actor, now=now))

    async def mark_key_used(self, key: Key, now: datetime) -> None:
        """Record that a key was used for a request that writes nothing itself."""
        if queries.is_stale(key, now):
            await self.write(partial(queries.mark_key_used, key=key, now=now))

    async def pages(self, listing: Listing) -> AsyncIterator[list[StoredEvent]]:
        """Yield a listing page by page.

        Each page is a read of its own. One long read would keep SQLite from checkpointing its log.
        """
        left, after = listing.limit, listing.after
        while left:
            page = await self.ask(
                partial(lists.list_events, listing=listing, after=after, limit=min(left, _PAGE)),
                patient=after != listing.after,
            )
            if not page:
                return
            yield page
            left, after = left - len(page), page[-1].position

    async def has_more(self, listing: Listing, after: Position) -> bool:
        """Return whether a listing has an event behind the cursor *after*."""
        work = partial(lists.list_events, listing=listing, after=after, limit=1)
        return bool(await self.ask(work, patient=True))

    async def write(self, work: Callable[[Session], Result], *, patient: bool = False) -> Result:
        """Run *work* inside a transaction; return once it is synced.

        Unless *patient*, raise StoreTimeout where that takes longer than a sender waits. Work that had not
        begun by then is left out: its sender sends it again.
        """
        if patient:
            return cast("Result", await self.writer.put(work))
        given_up = False
        written = self.writer.put(lambda session: None if given_up else work(session))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return cast("Result", await written)
        except TimeoutError:
            given_up = True
            raise StoreTimeout("store: it does not answer in time") from None

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Run *work*, which takes a moment, on a snapshot of the store, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._read_threads, self._read_pool.read, work
        )

    def report(self, work: Callable[[Session], Result]) -> Result:
        """Run *work*, which takes a moment, on a snapshot of the store, in the caller's thread."""
        return self._read_pool.read(work)

    async def ask(self, work: Callable[[Session], Result], *, patient: bool = False) -> Result:
        """Run *work*, which may take long, on a snapshot of the store (`Readers.ask`)."""
        return await self._readers.ask(work, patient=patient)

    async def compute(self, work: Callable[[], Result]) -> Result:
        """Run *work* in a thread of intake."""
        return await asyncio.get_running_loop().run_in_executor(self._intake_threads, work)

    def _apply(self, session: Session, works: Sequence[Callable[[Session], Any]]) -> list[Any]:
        self._arrivals.clear()  # a batch that failed may have left some
        results = [work(session) for work in works]
        senders.note(session, self._arrivals)
        return results
