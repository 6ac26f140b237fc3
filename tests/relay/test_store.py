"""The contract of a store, on SQLite and on the real PostgreSQL: what `Store` promises to those above it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_connection.config import settings
from gitdailies_core.errors import ConfigurationError, StoreUnavailable
from gitdailies_core.incidents.routing import Target
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import SHAPE, UNMAPPED, Reading
from gitdailies_relay.operations import reports
from gitdailies_relay.store import retention, store
from gitdailies_relay.store.outbox import AGAIN, BURIED, DONE, Attempt
from gitdailies_relay.store.store import Store
from gitdailies_server.storage import postgresql
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.timestamps import now_us

from tests import databases
from tests.relay.bench import BEGAN, delivery

Opened = Callable[[], Database]
ENDED = BEGAN + timedelta(hours=1)
SETTINGS = settings.RelaySettings(settings.StoreSetting(settings.SQLITE, path=Path("relay.db")))


@pytest.fixture(params=databases.KINDS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    with databases.opened(request.param, tmp_path) as database:
        yield database


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Opened]:
    """A database that several servers may have."""
    with databases.opened("postgresql", tmp_path) as database:
        yield database


@dataclass
class Servers:
    """Stores of as many servers on one database."""

    stores: list[Store]

    @property
    def one(self) -> Store:
        return self.stores[0]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.one.report(lambda s: s.execute(statement).fetchall())
        return found


def serve(database: Opened, body: Callable[[Servers], Awaitable[None]], *, servers: int = 1) -> None:
    async def whole() -> None:
        running = Servers([Store(database()) for _ in range(servers)])
        for each in running.stores:
            each.open()
        try:
            await body(running)
        finally:
            for each in running.stores:
                await each.close()

    asyncio.run(whole())


def merged(incident: str, into: str) -> Delivery:
    made = delivery(incident, RESOLVED, ENDED)
    (said,) = made.reading.said
    assert isinstance(said.message, Change)
    change = said.message._replace(merged=True, merged_into=into, started_at=None)
    return made._replace(reading=made.reading._replace(said=(said._replace(message=change),)))


def test_what_is_accepted_is_there_for_another_connection(opened: Opened) -> None:
    """Once accept returns, a reader of its own finds the delivery, its event and its place in the queue."""

    async def body(servers: Servers) -> None:
        accepted = await servers.one.accept(delivery("A", STARTED, BEGAN))
        assert servers.rows("SELECT id FROM events") == [(accepted.events[0],)]
        assert servers.rows("SELECT head, attempts, buried FROM pending") == [(1, 0, None)]
        assert servers.rows("SELECT outcome FROM deliveries") == [("stored",)]

    serve(opened, body)


def test_a_repeat_is_answered_with_the_same_events_wherever_it_comes(opened: Opened) -> None:
    """A message told three times, twice of them at once, gives one event, and its id each time."""

    async def body(servers: Servers) -> None:
        told = delivery("A", STARTED, BEGAN)
        first, second = await asyncio.gather(servers.one.accept(told), servers.one.accept(told))
        third = await servers.one.accept(told)
        assert first.events == second.events == third.events
        assert [a.repeated for a in (first, second, third)] == [False, True, True]
        assert len(servers.rows("SELECT 1 FROM events")) == 1

    serve(opened, body)


def test_deliveries_of_one_batch_know_of_each_other(opened: Opened) -> None:
    """Start, second start and end that share a commit are decided as if each had its own."""

    async def body(servers: Servers) -> None:
        start, again, end = await asyncio.gather(
            servers.one.accept(delivery("A", STARTED, BEGAN)),
            servers.one.accept(delivery("A", STARTED, BEGAN)),
            servers.one.accept(delivery("A", RESOLVED, ENDED)),
        )
        assert (len(start.events), again.events, len(end.events)) == (1, (), 1)
        assert "second start" in again.reasons[0]
        assert servers.rows("SELECT state FROM periods") == [("closed",)]

    serve(opened, body)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after another"])
def test_a_merge_waits_for_its_target(opened: Opened, together: bool) -> None:
    """An incident merged into an open one ends when that one ends, in one batch or over several."""

    async def body(servers: Servers) -> None:
        told = [
            delivery("A", STARTED, BEGAN),
            delivery("B", STARTED, BEGAN),
            merged("A", "B"),
            delivery("B", RESOLVED, ENDED),
        ]
        if together:
            accepted = await asyncio.gather(*(servers.one.accept(one) for one in told))
        else:
            accepted = [await servers.one.accept(one) for one in told]
        assert [len(one.events) for one in accepted] == [1, 1, 0, 2]
        assert servers.rows("SELECT DISTINCT state FROM periods") == [("closed",)]
        bodies = servers.rows("SELECT body FROM events ORDER BY seq")
        assert sum('"mergedInto":"B"' in body for (body,) in bodies) == 1

    serve(opened, body)


def test_an_item_that_cannot_be_written_spoils_nothing_else(opened: Opened) -> None:
    """Of three deliveries in one commit the one that breaks is refused, and the other two are stored."""

    async def body(servers: Servers) -> None:
        bad = delivery("bad", STARTED, BEGAN)
        bad = bad._replace(reading=bad.reading._replace(source="half a \ud800"))
        results = await asyncio.gather(
            servers.one.accept(delivery("A", STARTED, BEGAN)),
            servers.one.accept(bad),
            servers.one.accept(delivery("B", STARTED, BEGAN)),
            return_exceptions=True,
        )
        assert isinstance(results[1], Exception)
        assert servers.rows("SELECT incident FROM events ORDER BY 1") == [("A",), ("B",)]
        assert servers.one.fault == ""

    serve(opened, body)


def test_what_is_kept_and_reported(opened: Opened) -> None:
    """Status, failed and explain tell of a kept, an unmapped, a buried and a retried one alike."""

    async def body(servers: Servers) -> None:
        one = servers.one
        kept = Reading("test", "application/json", b"{\x00\xff", "token", (), SHAPE, "no such shape")
        await one.accept(Delivery("d-kept", now_us(), "default", kept))
        lost = delivery("lost", STARTED, BEGAN)
        said = lost.reading.said[0]._replace(targets=(), refusal="unmapped: mail", unmapped=("mail",))
        await one.accept(lost._replace(reading=lost.reading._replace(said=(said,), body=b"{}")))
        for name in "AB":
            await one.accept(delivery(name, STARTED, BEGAN))
        a, b = await one.due(10)
        await one.record([Attempt(a.seq, now_us(), 422, BURIED, "no")])
        await one.record([Attempt(b.seq, now_us(), 503, AGAIN, "busy", now_us() + 60_000_000)])

        status = one.report(reports.status)
        assert (status["waiting"], status["buried"], status["retrying"]) == (1, 1, 1)
        assert status["kept"] == {SHAPE: 1, UNMAPPED: 1}
        assert status["deliveries"] == {"test": {SHAPE: 1, "stored": 2, UNMAPPED: 1}}
        failed = one.report(reports.failed)
        assert [entry["incident"] for entry in failed["buried"]] == ["A"]
        assert [entry["why"] for entry in failed["kept"]] == [SHAPE, UNMAPPED]
        (event,) = one.report(lambda s: reports.explain(s, "B"))["events"]
        assert (event["state"], event["attempts"][0]["status"]) == ("waiting", 503)
        assert servers.rows("SELECT body FROM kept ORDER BY seq")[0][0] == b"{\x00\xff"

    serve(opened, body)


def test_pauses(opened: Opened) -> None:
    """A pause by hand outlives one by key; resuming makes everything due at once."""

    async def body(servers: Servers) -> None:
        one = servers.one
        await one.accept(delivery("A", STARTED, BEGAN))
        (head,) = await one.due(1)
        await one.record([Attempt(head.seq, now_us(), 503, AGAIN, "busy", now_us() + 60_000_000)])
        assert await one.paused("default") == ("", "")
        await one.run(lambda s: store.pause(s, "default", "manual", "tea"))
        await one.run(lambda s: store.pause(s, "default", "key", "401"))
        assert await one.paused("default") == ("manual", "tea")
        assert (await one.due(1), len(await one.due(1, waiting=True))) == ([], 1)
        await one.run(lambda s: store.resume(s, "default"))
        assert await one.paused("default") == ("", "")
        assert len(await one.due(1)) == 1

    serve(opened, body)


def test_retention_takes_what_is_old_and_done(opened: Opened) -> None:
    """Delivered events and closed periods past their time go; what waits or is open stays."""

    async def body(servers: Servers) -> None:
        one = servers.one
        for name in ("done", "waits", "open"):
            await one.accept(delivery(name, STARTED, BEGAN))
        await one.accept(delivery("done", RESOLVED, ENDED))
        await one.accept(delivery("waits", RESOLVED, ENDED))
        for _ in range(2):
            for head in await one.due(10):
                if head.body.find(b'"waits"') < 0:
                    await one.record([Attempt(head.seq, now_us(), 202, DONE)])
        found = one.report(lambda s: retention.doomed(s, SETTINGS, now_us() + 100 * 86_400_000_000))
        await one.run(lambda s: retention.prune(s, found))
        assert servers.rows("SELECT DISTINCT incident FROM events") == [("waits",)]
        assert sorted(servers.rows("SELECT incident, state FROM periods")) == [("open", "open")]

    serve(opened, body)


def test_many_writers_at_once(opened: Opened) -> None:
    """Of 300 deliveries at once, with repeats, each is stored once, and each incident has one head."""

    async def body(servers: Servers) -> None:
        told = [
            delivery(f"i{n}", state, at)
            for n in range(50)
            for state, at in ((STARTED, BEGAN), (RESOLVED, ENDED))
        ]
        accepted = await asyncio.gather(
            *(servers.stores[n % len(servers.stores)].accept(one) for n, one in enumerate(told * 3))
        )
        ids = {id_ for one in accepted for id_ in one.events}
        assert {id_ for (id_,) in servers.rows("SELECT id FROM events")} == ids
        assert len(ids) == 100
        assert servers.rows("SELECT count(*) FROM pending WHERE head = 1") == [(50,)]

    serve(opened, body)


def test_a_second_server_on_a_file_is_refused(tmp_path: Path) -> None:
    """SQLite has one server a file: the second is told, and the first goes on."""

    async def body(servers: Servers) -> None:
        with pytest.raises(ConfigurationError, match="another server uses this file"):
            Store(servers.one.database.__class__(tmp_path / "room.db")).open()
        await servers.one.accept(delivery("A", STARTED, BEGAN))

    with databases.opened("sqlite", tmp_path) as database:
        serve(database, body)


def test_servers_share_a_postgresql_database(shared: Opened) -> None:
    """Four servers that take the same starts and ends at once make one story of each incident."""

    async def body(servers: Servers) -> None:
        told = [
            delivery(f"i{n}", state, at)
            for n in range(30)
            for state, at in ((STARTED, BEGAN), (RESOLVED, ENDED))
        ]
        await asyncio.gather(*(each.accept(one) for one in told for each in servers.stores))
        rows = servers.rows("SELECT incident, count(*) FROM events GROUP BY 1")
        assert dict(rows) == {f"i{n}": 2 for n in range(30)}
        order = servers.rows(
            "SELECT incident, array_agg(body LIKE '%incidentStarted%' ORDER BY seq) FROM events GROUP BY 1"
        )
        assert all(kinds == [True, False] for _, kinds in order)

    serve(shared, body, servers=4)


def test_a_head_is_claimed_by_one_server(shared: Opened) -> None:
    """Of two servers that want the same heads at once each gets some, nobody another's, all are had."""

    async def body(servers: Servers) -> None:
        for n in range(40):
            await servers.one.accept(delivery(f"i{n}", STARTED, BEGAN))
        heads = [await each.due(40) for each in servers.stores]
        claimed = await asyncio.gather(
            *(each.claim(found, 60.0) for each, found in zip(servers.stores, heads, strict=True))
        )
        seqs = [{head.seq for head in mine} for mine in claimed]
        assert seqs[0] & seqs[1] == set()
        assert len(seqs[0] | seqs[1]) == 40
        assert await servers.one.due(40) == []

    serve(shared, body, servers=2)


def test_a_claim_ends_with_its_time_or_its_release(shared: Opened) -> None:
    """What a server claimed is another's once its time is over, and at once where it was given back."""

    async def body(servers: Servers) -> None:
        dead, other = servers.stores
        for name in "ABC":
            await dead.accept(delivery(name, STARTED, BEGAN))
        a, b, c = await dead.due(3)
        await dead.claim([a], 0.0)
        await dead.claim([b, c], 60.0)
        await dead.release([b])
        assert [head.seq for head in await other.claim(await other.due(3), 60.0)] == [a.seq, b.seq]

    serve(shared, body, servers=2)


def test_a_result_frees_the_claim(shared: Opened) -> None:
    """An event that is to be tried again later may then be tried by any server."""

    async def body(servers: Servers) -> None:
        one, other = servers.stores
        await one.accept(delivery("A", STARTED, BEGAN))
        (head,) = await one.claim(await one.due(1), 60.0)
        await one.record([Attempt(head.seq, now_us(), 503, AGAIN, "busy", now_us())])
        assert [found.attempts for found in await other.due(1)] == [1]

    serve(shared, body, servers=2)


def test_a_server_that_hangs_amid_its_turn_is_waited_for_only_so_long(
    shared: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a turn in which nothing happens; then the others go on."""
    monkeypatch.setattr(
        postgresql,
        "_SESSION",
        tuple(line.replace("'10s'", "'300ms'") if "idle" in line else line for line in postgresql._SESSION),
    )

    async def body(servers: Servers) -> None:
        database = servers.one.database
        hung = database.connect()
        database.begin(hung)
        hung.execute("SELECT ?::bigint", (1,))
        accepted = await servers.stores[1].accept(delivery("A", STARTED, BEGAN))
        assert len(accepted.events) == 1
        with pytest.raises(database.errors):
            database.commit(hung)

    serve(shared, body, servers=2)


def test_a_database_that_is_not_there_is_said_without_its_password(tmp_path: Path) -> None:
    """The complaint names address and reason; the password of the address stands nowhere."""
    named = settings.StoreSetting.parse("postgresql://relay:s3cr3t-pw@127.0.0.1:1/relay", tmp_path)
    with pytest.raises(StoreUnavailable) as caught:
        store.migrate(store.database_of(named))
    assert str(caught.value).startswith("postgresql://127.0.0.1:1/relay: cannot connect: ")
    assert "s3cr3t-pw" not in str(caught.value) + repr(store.database_of(named)) + repr(
        caught.value.__cause__
    )


def test_a_target_of_its_own_is_another_period(opened: Opened) -> None:
    """Two repositories of one incident are two records and two events, which keep one order."""

    async def body(servers: Servers) -> None:
        made = delivery("A", STARTED, BEGAN)
        said = made.reading.said[0]._replace(targets=(Target("larkspur/a"), Target("larkspur/b", "staging")))
        accepted = await servers.one.accept(made._replace(reading=made.reading._replace(said=(said,))))
        assert len(set(accepted.events)) == 2
        assert servers.rows("SELECT repo, environment, service FROM periods ORDER BY repo") == [
            ("larkspur/a", "", ""),
            ("larkspur/b", "staging", ""),
        ]
        assert [found.seq for found in await servers.one.due(10)] == [
            seq for (seq,) in servers.rows("SELECT min(seq) FROM events")
        ]

    serve(opened, body)
