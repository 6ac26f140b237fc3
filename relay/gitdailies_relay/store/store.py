"""The relay's store: one writer for the running server, plain transactions for commands."""

from __future__ import annotations

import asyncio
import contextlib
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
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import now_us
from gitdailies_server.storage.write_scope import EVERYTHING, Name, Scope, scope_of

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, accept
from gitdailies_relay.accepting.deploys import settle
from gitdailies_relay.accepting.store_port import AcceptanceStore
from gitdailies_relay.store import deploys, exclusion, outbox
from gitdailies_relay.store.outbox import Attempt, ReadyEvent
from gitdailies_relay.store.sqlite import SqliteAcceptanceStore

_FOREVER_US = 10**16  # three hundred years
_SCHEMA = "gitdailies_relay"
# The one receiver of a relay, as the store names it.
DESTINATION: Final = "default"

MIGRATIONS = Path(__file__).parent / "migrations"

Job: TypeAlias = Callable[[Session], Any]
Item: TypeAlias = "Delivery | AttemptGroup | Task | Job"
Value = TypeVar("Value")
Found = TypeVar("Found")


@dataclass(frozen=True)
class AttemptGroup:
    """Attempts that ended together, and are written together; `partitions` are those of their events."""

    attempts: tuple[Attempt, ...]
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """A job that writes nothing that other writers read or write, but for tasks of the same name."""

    name: str
    job: Job


@dataclass(frozen=True)
class Standing:
    """What the store says of a destination now: what paused it and why, or two empty texts.

    `resumed` grows with each command that asks to send everything now. `hold_ends_at` is when the first
    start that is held may be sent (µs), None where none is held.
    """

    paused: str
    reason: str
    resumed: int
    hold_ends_at: int | None = None


@dataclass(frozen=True)
class KnownReceiver:
    """What a receiver was by its last sure answer, at which address, and since when (µs)."""

    address: str
    kind: str
    since: int


class StoreClock:
    """The time that due times and leases are written with, µs.

    For a file it is this machine's. Servers that share a database all use that of the database: it
    was read a moment ago, and the monotonic clock adds what passed since.
    """

    def __init__(self) -> None:
        self._ahead: int | None = None

    def now(self) -> int:
        """Return the time in µs since 1970."""
        return now_us() if self._ahead is None else time.monotonic_ns() // 1000 + self._ahead

    def set(self, database_now: int) -> None:
        """Go by a time that was just read from the database."""
        self._ahead = database_now - time.monotonic_ns() // 1000


class RelayStore:
    """The store of a running relay. Open it with `open`; every method but `report` runs in the event loop.

    `accept` and `record` return after their commit was synced. Reads use a connection of their
    own, which waits for no writer. *timed* is called after each commit, as GroupWriter says.
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
        self.clock = StoreClock()
        self._writer: GroupWriter[Item, Any] = GroupWriter(
            database=database, apply=self._apply, scope=_scope, timed=timed
        )
        self._reader: Session | None = None
        self._reading = threading.Lock()

    def open(self) -> None:
        """Lock the database for this server, bring its schema up to date, and start the writer."""
        self.database.lock()
        migrate(self.database)
        self._writer.start()

    async def close(self) -> None:
        await self._writer.stop()
        if self._reader is not None:
            self._reader.close()
        self.database.unlock()

    @property
    def fault(self) -> str:
        """Why the last commit failed, or ""."""
        return self._writer.fault

    def accept(self, delivery: Delivery) -> asyncio.Future[Accepted]:
        """Store a delivery and what follows from it. Call and future may raise StoreUnavailable."""
        return self._writer.put(delivery)

    def accept_then(self, delivery: Delivery, done: Callable[[Accepted | BaseException], None]) -> None:
        """Like `accept`, without a future: *done* is called with what became of it, or with the error."""
        self._writer.put_then(delivery, done)

    async def record(self, attempts: Sequence[Attempt], partitions: Sequence[str]) -> None:
        """Write *attempts*, all or none; raises StoreUnavailable.

        Other relays write about others than the *partitions* of their events meanwhile.
        """
        await self._writer.put(AttemptGroup(tuple(attempts), tuple(partitions)))

    async def run(self, job: Job, *, task: str = "") -> Any:
        """Run *job* in a write transaction of the writer and return its result.

        No other relay writes meanwhile, except beside a *task*: see `Task`.
        """
        return await self._writer.put(Task(task, job) if task else job)

    def report(self, read: Callable[[Session], Found]) -> Found:
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
        now = self.clock.now()
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
        """Return what the store says of the destination, and set the clock. Raises StoreUnavailable."""

        def read(session: Session) -> Standing:
            if not self.database.is_local:
                self.clock.set(outbox.read_clock(session))
            return Standing(*session.execute(_STANDING, (DESTINATION,) * 3).fetchone())

        return await self._read(read)

    async def end_holds(self, standing: Standing) -> None:
        """Let go what was held long enough: only this makes it ready to be sent."""
        now = self.clock.now()
        if standing.hold_ends_at is not None and standing.hold_ends_at <= now:
            await self.run(lambda session: self._end_due(session, now))

    def _end_due(self, session: Session, now: int) -> None:
        outbox.end_due_holds(session, now)
        settle(acceptance_store(self.database, session), deploys.due_repos(session, now), now)

    async def known_receiver(self) -> KnownReceiver | None:
        """Return what the receiver was when it was asked last, or None. Raises StoreUnavailable."""
        row = await self._read(lambda s: s.execute(_KNOWN_RECEIVER, (DESTINATION,)).fetchone())
        return None if row is None else KnownReceiver(*row)

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
        """Write the items of one commit: all deliveries together, all attempts together, then each job."""
        deliveries = [item for item in items if isinstance(item, Delivery)]
        accepted: list[Accepted] = []
        if deliveries:
            store = acceptance_store(self.database, session)
            accepted = accept(store, deliveries, store_ignored=self._store_ignored)
        if len(deliveries) == len(items):  # as mostly
            return accepted
        in_order = iter(accepted)
        attempts = [one for item in items if isinstance(item, AttemptGroup) for one in item.attempts]
        if attempts:
            outbox.record(session, attempts)
        results: list[Any] = []
        for item in items:
            if isinstance(item, Delivery):
                results.append(next(in_order))
            elif isinstance(item, AttemptGroup):
                results.append(None)
            else:
                results.append((item.job if isinstance(item, Task) else item)(session))
        return results


def _scope(items: Sequence[Item]) -> Scope:
    """Return what a batch is about: see `exclusion`."""
    names: set[Name] = set()
    for item in items:
        if isinstance(item, Delivery):
            exclusion.add_names(item, names)
        elif isinstance(item, AttemptGroup):
            names.update(exclusion.of_partitions(item.partitions))
        elif isinstance(item, Task):
            names.add(exclusion.task(item.name))
        else:
            return EVERYTHING
    return scope_of(names)


def database_of(store: settings.StoreSetting) -> Database:
    """Return the database that `relay.store` names."""
    if store.path is not None:
        return SqliteDatabase(store.path)
    from gitdailies_server.storage.postgresql import PostgresqlDatabase

    assert store.url is not None
    return PostgresqlDatabase(store.url, _SCHEMA)


def acceptance_store(database: Database, session: Session) -> AcceptanceStore:
    """Return what an acceptance in the transaction of *session* reads and writes through."""
    if database.is_local:
        return SqliteAcceptanceStore(session)
    from gitdailies_relay.store.postgresql import PostgresqlAcceptanceStore

    return PostgresqlAcceptanceStore(session)


# One row: what paused a destination and why, how often it was resumed, and when the first hold ends.
_STANDING = (
    "SELECT coalesce((SELECT paused FROM destinations WHERE name = ?), ''),"
    " coalesce((SELECT reason FROM destinations WHERE name = ?), ''),"
    " coalesce((SELECT resumed FROM receivers WHERE destination = ?), 0),"
    " (SELECT min(held_until) FROM outbox WHERE held_until IS NOT NULL)"
)
# What is known of a receiver.
_KNOWN_RECEIVER = "SELECT address, kind, since FROM receivers WHERE destination = ? AND kind != ''"
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


def pause(session: Session, destination: str, by: str, reason: str) -> None:
    """Pause a destination; *by* is manual, key or address."""
    session.execute(_PAUSE, (destination, by, reason, now_us()))


def resume(session: Session, destination: str) -> None:
    """End a destination's pause, make everything that waits due, and ask a running server to send it."""
    session.execute(_RESUME, (destination,))
    session.execute(_COUNT_RESUME, (destination,))
    outbox.make_due(session, now_us())


def end_pause(session: Session, destination: str) -> None:
    """End a destination's pause. What waits for its time goes on waiting."""
    session.execute(_RESUME, (destination,))


def remember_receiver(session: Session, destination: str, known: KnownReceiver) -> None:
    """Store what a receiver is by a sure answer."""
    session.execute(_REMEMBER, (destination, known.address, known.kind, known.since))


def migrate(database: Database) -> None:
    """Bring the database to this version's schema.

    Raises ConfigurationError where its schema is newer, or where another kind of server made it.
    """
    migrations.upgrade(database, MIGRATIONS, table="deliveries")


# Opens a store for a report; raises StoreUnavailable where it is missing or cannot be read.
reading = partial(reading_of, action="read it as a relay's store")
