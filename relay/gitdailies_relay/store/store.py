"""The relay's store: one writer for the running server, plain transactions for commands."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from gitdailies_connection.config.sections import settings
from gitdailies_server.storage import migrations
from gitdailies_server.storage.database import Database, Session, unavailable
from gitdailies_server.storage.database import reading as reading_of
from gitdailies_server.storage.group_commit import GroupWriter
from gitdailies_server.storage.sqlite import SqliteDatabase, connect
from gitdailies_server.storage.timestamps import now_us
from gitdailies_server.storage.write_scope import EVERYTHING, Name, Scope, scope_of

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.deploys import settle
from gitdailies_relay.accepting.store_port import AcceptanceStore
from gitdailies_relay.store import deploys, exclusion, outbox
from gitdailies_relay.store.outbox import Attempt, ReadyEvent
from gitdailies_relay.store.source_fields import SourceFields, add_missing
from gitdailies_relay.store.sqlite import SqliteAcceptanceStore

_FOREVER_US = 10**16  # three hundred years
_SCHEMA = "gitdailies_relay"
# The one receiver of a relay, as the store names it.
DESTINATION: Final = "default"

MIGRATIONS = Path(__file__).parent / "migrations"

Job: TypeAlias = Callable[[Session], Any]
Item: TypeAlias = "Delivery | Task"
Value = TypeVar("Value")


@dataclass(frozen=True)
class Task:
    """A job of the writer. With *names*, it is only about them: see `exclusion`."""

    job: Job
    names: frozenset[Name] | None = None


@dataclass(frozen=True)
class Standing:
    """The state of a destination in the store: what paused it, or "".

    `resumed` grows with each command that asks to send everything now. `hold_ends_at` is when the first
    start that is held may be sent (µs), None where none is held.
    """

    paused: str
    resumed: int
    hold_ends_at: int | None = None


class RelayStore:
    """The store of a running relay: `prepare`, then `start` it. It runs in the event loop, except `report`.

    What is accepted and recorded was synced. Reads use a connection of their own, which waits for no
    writer. *timed* is called after each commit, as GroupWriter says.
    With *store_ignored*, the bodies of filtered and ignored deliveries are stored.
    """

    def __init__(
        self,
        database: Database,
        timed: Callable[[float, int], None] = lambda _seconds, _items: None,
        *,
        store_ignored: bool = True,
    ) -> None:
        self.database = database
        self._store_ignored = store_ignored
        # How far the clock of the database is ahead of the monotonic one (µs), where servers share it.
        self._ahead: int | None = None
        self._fields = SourceFields()
        self.writer: GroupWriter[Item, Any] = GroupWriter(
            database=database, apply=self._apply, scope=_scope, timed=timed
        )
        self._reader: Session | None = None
        self._reading = threading.Lock()

    def prepare(self) -> None:
        """Lock the database for this server, and bring its schema up to date. That may take long."""
        self.database.lock()
        migrate(self.database)

    def start(self) -> None:
        """Start the writer; it passes results to the running event loop."""
        self.writer.start()

    async def close(self) -> None:
        await self.writer.stop()
        if self._reader is not None:
            self._reader.close()
        self.database.unlock()

    def now(self) -> int:
        """Return the time that due times and leases are written with, in µs since 1970.

        For a file it is this machine's. Servers that share a database all use that of the database: it
        was read a moment ago, and the monotonic clock adds what passed since.
        """
        return now_us() if self._ahead is None else time.monotonic_ns() // 1000 + self._ahead

    async def touch(self, text: str) -> str:
        """Write *text* into an unread row; return why this version may not use the store, or ""."""

        def job(session: Session) -> str:
            if not (unfit := migrations.unfit(session, MIGRATIONS)):
                session.execute(_TOUCH, (text, now_us()))
            return unfit

        return str(await self.run(job, task="readiness"))

    def accept_then(self, delivery: Delivery, done: Callable[[Accepted | BaseException], None]) -> None:
        """Store a delivery and what follows from it; *done* is called with what became of it, or the error.

        Raises StoreUnavailable.
        """
        self.writer.put_then(delivery, done)

    async def record(self, attempts: Sequence[Attempt], partitions: Sequence[str]) -> None:
        """Write *attempts*, all or none; raises StoreUnavailable.

        Other relays write about others than the *partitions* of their events meanwhile.
        """
        names = frozenset(exclusion.of_partitions(partitions))
        await self.writer.put(Task(partial(outbox.record, attempts=tuple(attempts)), names))

    async def run(self, job: Job, *, task: str = "") -> Any:
        """Run *job* in a write transaction of the writer and return its result.

        No other relay writes meanwhile, unless it is a *task*: only tasks of its name touch its rows.
        """
        return await self.writer.put(Task(job, frozenset([exclusion.task(task)]) if task else None))

    def report(self, read: Callable[[Session], Value]) -> Value:
        """Return the result of *read*, on a connection of its own. Any thread may call this."""
        with reading(self.database) as session:
            return read(session)

    async def ready(
        self, most: int, *, waiting: bool = False, tried: bool | None = None, newest: bool = False
    ) -> list[ReadyEvent]:
        """Return events that may be sent now; with *waiting* also those that wait for their time.

        *tried* and *newest* choose as in `outbox.ready`. Lease them before you send them. Raises
        StoreUnavailable.
        """
        now = self.now()
        until = now + _FOREVER_US if waiting else now
        as_bytes = self.database.as_bytes
        return await self._read(
            lambda s: outbox.ready(s, as_bytes, until, now, most, tried=tried, newest=newest)
        )

    async def lease(self, events: Sequence[ReadyEvent], seconds: float) -> list[ReadyEvent]:
        """Lease *events* for *seconds*; return those that this server got: all, if it is the only one."""
        if self.database.is_local or not events:
            return list(events)
        leased = await self._read(
            lambda s: outbox.lease(s, [event.seq for event in events], int(seconds * 1e6))
        )
        return [event for event in events if event.seq in leased]

    async def release(self, events: Sequence[ReadyEvent]) -> None:
        """End the leases of events that were not sent."""
        if not self.database.is_local and events:
            await self._read(lambda s: outbox.release(s, [event.seq for event in events]))

    async def standing(self) -> Standing:
        """Return what the store says about the destination, and set the clock. Raises StoreUnavailable."""

        def read(session: Session) -> Standing:
            if not self.database.is_local:
                self._ahead = outbox.read_clock(session) - time.monotonic_ns() // 1000
            return Standing(*session.execute(_STANDING, (DESTINATION,) * 2).fetchone())

        return await self._read(read)

    async def end_holds(self, standing: Standing) -> None:
        """Release the events that were held long enough: only this makes it ready to be sent."""
        now = self.now()
        if standing.hold_ends_at is not None and standing.hold_ends_at <= now:
            await self.run(lambda session: self._end_due(session, now))

    def _end_due(self, session: Session, now: int) -> None:
        outbox.end_due_holds(session, now)
        settle(acceptance_store(self.database, session), deploys.due_repos(session, now), now)

    async def known_receiver(self, address: str) -> str:
        """Return the kind of receiver that last answered at an address, or ""; raises StoreUnavailable."""
        row = await self._read(lambda s: s.execute(_KNOWN_RECEIVER, (DESTINATION, address)).fetchone())
        return "" if row is None else str(row[0])

    async def _read(self, read: Callable[[Session], Value]) -> Value:
        if self.database.is_local:
            return self._read_now(read)
        return await asyncio.to_thread(self._read_now, read)

    def _read_now(self, read: Callable[[Session], Value]) -> Value:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = self.database.connect()
                return read(self._reader)
            except self.database.errors as error:
                if self._reader is not None:
                    with contextlib.suppress(*self.database.errors):
                        self._reader.close()
                    self._reader = None
                raise unavailable(self.database, "read", error) from error

    def _apply(self, session: Session, items: Sequence[Item]) -> list[Any]:
        """Write the items of one commit: all deliveries together, then each job."""
        deliveries = [item for item in items if isinstance(item, Delivery)]
        accepted: list[Accepted] = []
        if deliveries:
            store = acceptance_store(self.database, session)
            accepted = accept(store, deliveries, store_ignored=self._store_ignored)
            self._fields.add(session, deliveries)
        in_order = iter(accepted)
        return [next(in_order) if isinstance(item, Delivery) else item.job(session) for item in items]


def _scope(items: Sequence[Item]) -> Scope:
    """Return what a batch is about: see `exclusion`."""
    names: set[Name] = set()
    for item in items:
        if isinstance(item, Delivery):
            exclusion.add_names(item, names)
        elif item.names is None:
            return EVERYTHING
        else:
            names.update(item.names)
    return scope_of(names)


def database_of(
    store: settings.StoreSetting, connections: int | None = None, *, is_durable: bool = False
) -> Database:
    """Return the database that `relay.store` names; a server gives its settings."""
    if store.path is not None:
        return SqliteDatabase(store.path, _open)
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert store.url is not None
    return PostgresqlDatabase(
        store.url, _SCHEMA, connections=connections, for_intake=1, is_durable=is_durable
    )


def _open(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a file. SQLite keeps no checksums: a byte that went bad must not fail each query of its text."""
    session = connect(path, read_only=read_only)
    session.text_factory = partial(str, encoding="utf-8", errors="replace")
    return session


def acceptance_store(database: Database, session: Session) -> AcceptanceStore:
    """Return what an acceptance in the transaction of *session* reads and writes through."""
    if database.is_local:
        return SqliteAcceptanceStore(session)
    from gitdailies_relay.store.postgresql import PostgresqlAcceptanceStore

    return PostgresqlAcceptanceStore(session)


# A destination without a name is never paused.
_TOUCH = (
    "INSERT INTO destinations (name, paused, reason, since) VALUES ('', '', ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, since = excluded.since"
)
# One row: what paused a destination, how often it was resumed, and when the first hold ends.
_STANDING = (
    "SELECT coalesce((SELECT paused FROM destinations WHERE name = ?), ''),"
    " coalesce((SELECT resumed FROM receivers WHERE destination = ?), 0),"
    " (SELECT min(held_until) FROM outbox WHERE held_until IS NOT NULL)"
)
_KNOWN_RECEIVER = "SELECT kind FROM receivers WHERE destination = ? AND address = ?"
_REMEMBER = (
    "INSERT INTO receivers (destination, address, kind, since) VALUES (?,?,?,?)"
    " ON CONFLICT (destination) DO UPDATE"
    " SET address = excluded.address, kind = excluded.kind, since = excluded.since"
)
# Ask a running server to send everything now.
_COUNT_RESUME = (
    "INSERT INTO receivers (destination, resumed) VALUES (?, 1)"
    " ON CONFLICT (destination) DO UPDATE SET resumed = receivers.resumed + 1"
)
# What a person paused, only a person resumes. A probe that gets the same answer changes no time.
_PAUSE = (
    "INSERT INTO destinations (name, paused, reason, since) VALUES (?,?,?,?)"
    " ON CONFLICT (name) DO UPDATE"
    " SET paused = excluded.paused, reason = excluded.reason, since ="
    " CASE WHEN destinations.paused = excluded.paused THEN destinations.since ELSE excluded.since END"
    " WHERE destinations.paused != 'manual'"
)
_RESUME = "DELETE FROM destinations WHERE name = ?"
# Another pause may have begun since this one was read.
_END_PAUSE = "DELETE FROM destinations WHERE name = ? AND paused = ?"


def pause(session: Session, destination: str, by: str, reason: str) -> None:
    """Pause a destination; *by* is manual, key or address."""
    session.execute(_PAUSE, (destination, by, reason, now_us()))


def resume(session: Session, destination: str) -> None:
    """End a destination's pause, make everything that waits due, and ask a running server to send it."""
    session.execute(_RESUME, (destination,))
    session.execute(_COUNT_RESUME, (destination,))
    outbox.make_due(session, now_us())


def end_pause(session: Session, destination: str, by: str) -> None:
    """End a destination's pause of this kind. What waits for its time goes on waiting."""
    session.execute(_END_PAUSE, (destination, by))


def remember_receiver(session: Session, address: str, kind: str, since: int) -> None:
    """Store which kind of receiver gave a sure answer at an address, and when (µs)."""
    session.execute(_REMEMBER, (DESTINATION, address, kind, since))


def migrate(database: Database) -> tuple[str, str]:
    """Bring the database to this version's schema.

    Raises ConfigurationError where its schema is newer, or where another kind of server made it.
    """
    return migrations.upgrade(database, MIGRATIONS, table="deliveries", add=add_missing)


# Opens a store for a report; raises StoreUnavailable where it is missing or cannot be read.
reading = partial(reading_of, action="read it as a relay's store")
