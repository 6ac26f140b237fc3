"""The contract of a store, on SQLite and on the real PostgreSQL: what `Store` promises to those above it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config.sections import settings
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.sources.protocol import RESOLVED, STARTED
from gitdailies_relay.operations import status
from gitdailies_relay.store import store
from gitdailies_relay.store.outbox import RETRY, Attempt
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage import postgresql
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us

from tests.contract.stores.test_writers_together import merged
from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.relay.bench import BEGAN, delivery
from tests.support.relay.stores import serving

Opened = Callable[[], Database]
ENDED = BEGAN + timedelta(hours=1)
SETTINGS = settings.RelaySettings(settings.StoreSetting(settings.SQLITE, path=Path("relay.db")))


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Opened]:
    """A database that several servers may have."""
    with databases.opened("postgresql", tmp_path, tables=RELAY) as database:
        yield database


@dataclass
class Servers:
    """Stores of as many servers on one database."""

    stores: list[RelayStore]

    @property
    def one(self) -> RelayStore:
        return self.stores[0]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.one.report(lambda s: s.execute(statement).fetchall())
        return found


def serve(database: Opened, body: Callable[[Servers], Awaitable[None]], *, servers: int = 1) -> None:
    async def whole() -> None:
        stores = [RelayStore(database()) for _ in range(servers)]
        async with serving(*stores):
            await body(Servers(stores))

    asyncio.run(whole())


def test_an_accepted_delivery_is_visible_to_another_connection(relay_database: Opened) -> None:
    """After accept returns, another connection reads the delivery, its event and its row in the outbox."""

    async def body(servers: Servers) -> None:
        accepted = await servers.one.writer.put(delivery("A", STARTED, BEGAN))
        assert servers.rows("SELECT id FROM events") == [(accepted.events[0],)]
        assert servers.rows("SELECT is_next, attempts, dead_letter FROM outbox") == [(1, 0, None)]
        assert servers.rows("SELECT outcome FROM deliveries") == [("stored",)]

    serve(relay_database, body)


def test_a_repeat_is_answered_with_the_same_events_wherever_it_comes(relay_database: Opened) -> None:
    """A delivery sent three times, twice of them at once, gives one event, and its id each time."""

    async def body(servers: Servers) -> None:
        message = delivery("A", STARTED, BEGAN)
        first, second = await asyncio.gather(servers.one.writer.put(message), servers.one.writer.put(message))
        third = await servers.one.writer.put(message)
        assert first.events == second.events == third.events
        assert [a.repeated for a in (first, second, third)] == [False, True, True]
        assert len(servers.rows("SELECT 1 FROM events")) == 1

    serve(relay_database, body)


def test_deliveries_of_one_batch_know_of_each_other(relay_database: Opened) -> None:
    """Start, second start and end that share a commit are decided as if each had its own."""

    async def body(servers: Servers) -> None:
        start, again, end = await asyncio.gather(
            servers.one.writer.put(delivery("A", STARTED, BEGAN)),
            servers.one.writer.put(delivery("A", STARTED, BEGAN)),
            servers.one.writer.put(delivery("A", RESOLVED, ENDED)),
        )
        assert (len(start.events), again.events, len(end.events)) == (1, (), 1)
        assert "second start" in again.texts[0]
        assert servers.rows("SELECT state FROM occurrences") == [("closed",)]

    serve(relay_database, body)


@pytest.mark.parametrize("together", [True, False])
def test_a_merge_waits_for_its_target(relay_database: Opened, *, together: bool) -> None:
    """An incident merged into an open one ends when that one ends, in one batch or over several."""

    async def body(servers: Servers) -> None:
        begin, end = (delivery(name, STARTED, BEGAN) for name in "AB"), delivery("B", RESOLVED, ENDED)
        put, each = servers.one.writer.put, (*begin, merged("A", "B"), end)
        accepted = await asyncio.gather(*map(put, each)) if together else [await put(one) for one in each]
        assert [len(one.events) for one in accepted] == [1, 1, 0, 2]
        assert servers.rows("SELECT DISTINCT state FROM occurrences") == [("closed",)]

    serve(relay_database, body)


def test_pauses(relay_database: Opened) -> None:
    """A pause by hand stays when one by key begins or ends. Resuming makes everything due at once."""

    async def paused(one: RelayStore) -> tuple[str, str]:
        reasons = [pause.reason for pause in one.report(status.paused)]
        return (await one.standing()).paused, "".join(reasons)

    async def body(servers: Servers) -> None:
        one = servers.one
        await one.writer.put(delivery("A", STARTED, BEGAN))
        (event,) = await one.ready(1)
        attempt = Attempt(event.seq, now_us(), 503, RETRY, "busy", now_us() + 60_000_000)
        await one.record([attempt], [event.partition])
        assert await paused(one) == ("", "")
        await one.run(lambda s: store.pause(s, "default", "manual", "tea"))
        await one.run(lambda s: store.pause(s, "default", "key", "401"))
        await one.run(lambda s: store.end_pause(s, "default", "key"))
        assert await paused(one) == ("manual", "tea")
        assert (await one.ready(1), len(await one.ready(1, waiting=True))) == ([], 1)
        await one.run(lambda s: store.resume(s, "default"))
        assert await paused(one) == ("", "")
        assert len(await one.ready(1)) == 1

    serve(relay_database, body)


def test_an_event_is_leased_by_one_server(shared: Opened) -> None:
    """Two servers lease the same events at once: each gets some, none is leased twice, and none is left."""

    async def body(servers: Servers) -> None:
        for n in range(40):
            await servers.one.writer.put(delivery(f"i{n}", STARTED, BEGAN))
        events = [await each.ready(40) for each in servers.stores]
        leased = await asyncio.gather(
            *(each.lease(found, 60.0) for each, found in zip(servers.stores, events, strict=True))
        )
        seqs = [{event.seq for event in mine} for mine in leased]
        assert seqs[0] & seqs[1] == set()
        assert len(seqs[0] | seqs[1]) == 40
        assert await servers.one.ready(40) == []

    serve(shared, body, servers=2)


def test_a_lease_ends_with_its_time_or_its_release(shared: Opened) -> None:
    """What a server leased is another's once its time is over, and at once where it was released."""

    async def body(servers: Servers) -> None:
        dead, other = servers.stores
        for name in "ABC":
            await dead.writer.put(delivery(name, STARTED, BEGAN))
        a, b, c = await dead.ready(3)
        await dead.lease([a], 0.0)
        await dead.lease([b, c], 60.0)
        await dead.release([b])
        assert [event.seq for event in await other.lease(await other.ready(3), 60.0)] == [a.seq, b.seq]

    serve(shared, body, servers=2)


def test_a_result_ends_the_lease(shared: Opened) -> None:
    """An event that is to be tried again later may then be tried by any server."""

    async def body(servers: Servers) -> None:
        one, other = servers.stores
        await one.writer.put(delivery("A", STARTED, BEGAN))
        (event,) = await one.lease(await one.ready(1), 60.0)
        await one.record([Attempt(event.seq, now_us(), 503, RETRY, "busy", now_us())], [event.partition])
        assert [found.attempts for found in await other.ready(1)] == [1]

    serve(shared, body, servers=2)


def test_a_server_that_hangs_amid_its_turn_is_waited_for_only_so_long(
    shared: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends an idle turn after its timeout; then the other servers go on."""
    usual = postgresql._EACH_TRANSACTION
    short = tuple(line.replace("'10s'", "'300ms'") if "idle" in line else line for line in usual)
    monkeypatch.setattr(postgresql, "_EACH_TRANSACTION", short)

    async def body(servers: Servers) -> None:
        database = servers.one.database
        hung = database.connect()
        database.begin(hung)
        hung.execute("SELECT ?::bigint", (1,))
        accepted = await servers.stores[1].writer.put(delivery("A", STARTED, BEGAN))
        assert len(accepted.events) == 1
        with pytest.raises(database.errors):
            database.commit(hung)

    serve(shared, body, servers=2)


def test_the_error_for_an_unreachable_database_has_no_password(tmp_path: Path) -> None:
    """The error names address and reason. The password is in no text of the error, its cause or the store."""
    named = settings.StoreSetting.parse("postgresql://relay:s3cr3t-pw@127.0.0.1:1/relay", tmp_path)
    with pytest.raises(StoreUnavailable) as caught:
        store.migrate(store.database_of(named))
    assert str(caught.value).startswith("postgresql://127.0.0.1:1/relay: cannot connect: ")
    assert "s3cr3t-pw" not in str(caught.value) + repr(store.database_of(named)) + repr(
        caught.value.__cause__
    )
