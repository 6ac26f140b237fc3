"""Writers of several relays on one PostgreSQL: in any order of statements, as if one after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Self

import pytest
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.secret import Secret
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.source_days import DAY_US, source_days
from gitdailies_relay.operations.status import read_days
from gitdailies_relay.store import exclusion, outbox
from gitdailies_relay.store.outbox import DELIVERED, Attempt
from gitdailies_relay.store.store import Item, RelayStore, Task
from gitdailies_server.storage.database import ErrorScope, Session
from gitdailies_server.storage.postgresql import PostgresqlDatabase
from gitdailies_server.storage.timestamps import now_us
from gitdailies_server.storage.write_scope import Name, Scope, scope_of

from tests.support import databases
from tests.support.core.pushes import deployed, pushed, sha
from tests.support.empty_stores import RELAY
from tests.support.forms import short_and_long
from tests.support.relay import reports
from tests.support.relay.bench import BEGAN, delivery
from tests.support.relay.interleaving import Later, Stage
from tests.support.relay.told import told

ENDED = BEGAN + timedelta(hours=1)
SEED = 20261127
SHORT = 20


@pytest.fixture
def url() -> Iterator[str]:
    with databases.postgresql_url(RELAY) as found:
        yield found


def about(made: Delivery) -> Scope:
    names: set[Name] = set()
    exclusion.add_names(made, names)
    return scope_of(names)


def start(incident: str) -> Delivery:
    return delivery(incident, STARTED, BEGAN)


def end(incident: str) -> Delivery:
    return delivery(incident, RESOLVED, ENDED)


def merged(incident: str, into: str) -> Delivery:
    made = delivery(incident, RESOLVED, ENDED)
    (routed,) = made.interpretation.messages
    assert isinstance(routed.message, Change)
    change = replace(routed.message, merged=True, merged_into=into, started_at=None)
    routed = routed._replace(message=change)
    return made._replace(interpretation=made.interpretation._replace(messages=(routed,)))


def held(made: Delivery) -> Delivery:
    """As a source with `hold: 2h` sends it."""
    return made._replace(interpretation=made.interpretation._replace(hold=timedelta(hours=2)))


def deploy(name: str, number: int, source: str = "ci", **more: Any) -> Delivery:
    return told(name, deployed(number, minute=number, **more), source=source)


def push(name: str, number: int) -> Delivery:
    return told(name, pushed(number, before=number - 1))


def taken(incident: str) -> Later:
    """What the sender writes once the receiver has the first event of an incident."""

    def make(session: Session) -> Task:
        statement = "SELECT min(seq) FROM events WHERE incident = ?"
        (seq,) = session.execute(statement, (incident,)).fetchone()
        attempts = (Attempt(seq, now_us(), 202, DELIVERED),)
        names = frozenset(exclusion.of_partitions([f"default/test/{incident}"]))
        return Task(partial(outbox.record, attempts=attempts), names)

    return Later(make)


A, B, C = start("A"), start("B"), start("C")
DEPLOYED = (push("p1", 1), deploy("m1", 1))
# What is stored before, and what each writer writes at the same time.
STORIES: dict[str, tuple[Sequence[Item], Sequence[Sequence[Item | Later]]]] = {
    "a delivery and its repeat": ((), ([A], [A._replace(id="d-again")])),
    "two starts": ((), ([A], [start("A")])),
    "start and end": ((), ([A], [end("A")])),
    "two ends": ((A,), ([end("A")], [end("A")])),
    "an end, and the result of its start": ((A,), ([end("A")], [taken("A")])),
    "a merge and the end of its target": ((A, B), ([merged("A", "B")], [end("B")])),
    "a chain of merges": ((A, B, C, merged("A", "B")), ([merged("B", "C")], [end("C")])),
    "a held start and its end": ((), ([held(A)], [held(end("A"))])),
    "the end of a held start and its repeat": ((held(A),), ([held(end("A"))], [held(end("A"))])),
    "batches in opposite order": ((), ([A, B], [end("B"), end("A")])),
    "two messages about a deploy": (DEPLOYED, ([deploy("m2", 2)], [deploy("m3", 2)])),
    "two sources about a deploy": (DEPLOYED, ([deploy("m2", 2)], [deploy("m2", 2, "other")])),
    "a deploy and its push": (DEPLOYED, ([deploy("m2", 2)], [push("p2", 2)])),
    "a deploy that waits, its push and a later deploy": (
        (*DEPLOYED, deploy("m2", 2)),
        ([push("p2", 2)], [deploy("m3", 3, commits=[(sha(3), BEGAN)])]),
    ),
}


@short_and_long("most", short=SHORT, long=1000, seconds=lambda most: 60 + most)
@pytest.mark.parametrize("story", STORIES)
def test_every_order_of_two_writers_is_as_one_after_another(story: str, most: int, url: str) -> None:
    """Whatever the order of two relays' statements, results and rows are those of one after another.

    In the short form a step is a part of a trip, in the long form it is a statement. Of too many orders some
    are tried.
    """
    with closing(Stage(url, *STORIES[story], every_statement=most > 70)) as stage:
        allowed = stage.serial()
        for order in stage.orders(most, SEED):
            assert stage.run(order) in allowed, order
        assert stage.waits


@pytest.mark.parametrize("story", STORIES)
def test_without_locks_some_order_is_wrong(story: str, url: str) -> None:
    """The stories above would notice it if writers did not exclude each other."""
    with closing(Stage(url, *STORIES[story], locks=False)) as stage:
        allowed = stage.serial()
        assert any(stage.run(order) not in allowed for order in stage.orders(SHORT, SEED))


THREE: dict[str, tuple[Sequence[Item], Sequence[Sequence[Item | Later]]]] = {
    "starts, a repeat and ends": ((), ([A], [B, A._replace(id="d-again")], [end("B"), end("A")])),
    "a chain of merges and ends": (
        (A, B, C, merged("A", "B")),
        ([merged("B", "C")], [end("C"), end("A")], [end("B"), taken("A")]),
    ),
}


@short_and_long("most", short=SHORT, long=1000, seconds=lambda most: 60 + most)
@pytest.mark.parametrize("story", THREE)
def test_three_writers_are_as_one_after_another(story: str, most: int, url: str) -> None:
    """In orders by chance, as above. A batch that is written again meets those of two other relays."""
    with closing(Stage(url, *THREE[story])) as stage:
        allowed = stage.serial()
        for order in stage.orders(most, SEED):
            assert stage.run(order) in allowed, order
        assert stage.waits


def test_writers_about_different_things_never_wait(url: str) -> None:
    """In no order does a batch of one incident, or of one repository, wait for a batch of another one."""
    apart: Sequence[Sequence[Item]] = ([A, end("C")], [B, *DEPLOYED])
    with closing(Stage(url, (), apart)) as stage:
        allowed = stage.serial()
        for order in stage.orders(SHORT, SEED):
            assert stage.run(order) in allowed, order
        assert stage.waits == 0


class Relays:
    """Stores of relays on one database, and a session that holds a transaction open."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self.stores = [RelayStore(self.database()) for _ in range(count)]

    def database(self) -> PostgresqlDatabase:
        return PostgresqlDatabase(Secret(self._url, "postgresql://of-a-test"), "gitdailies_relay")

    async def __aenter__(self) -> Self:
        for store in self.stores:
            store.prepare()
            store.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for store in self.stores:
            await store.close()

    async def blocked(self) -> None:
        """Wait until a session waits for a lock."""
        async with asyncio.timeout(10):
            while not self.stores[0].report(lambda s: s.execute(_WAITING).fetchone())[0]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


_WAITING = (
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def test_what_people_do_waits_for_all_and_all_for_it(url: str) -> None:
    """A writer about everything waits for those that have begun. Those that come after it wait for it."""

    async def body() -> None:
        async with Relays(url, 2) as relays:
            one, two = relays.stores
            database = relays.database()
            with closing(database.connect()) as session:
                database.begin(session, about(A))
                session.execute("SELECT 1")
                done: list[str] = []

                def work(session: Session) -> None:
                    session.execute("SELECT 1")
                    done.append("everything")

                job = asyncio.ensure_future(one.run(work))
                await relays.blocked()
                after = asyncio.ensure_future(two.writer.put(B))
                after.add_done_callback(lambda _: done.append("an incident"))
                await asyncio.sleep(0.2)
                assert done == []
                database.commit(session)
                await asyncio.gather(job, after)
                await asyncio.sleep(0)
                assert done == ["everything", "an incident"]

    asyncio.run(body())


def test_counters_of_relays_add_up(url: str) -> None:
    """Whichever relays take a source's deliveries, its days and counts are those of one relay."""
    at = 20_000 * DAY_US
    times = [at + minutes * 60_000_000 for minutes in (0, 5, 7, 40, 41, 600, 1500, 1503)]

    async def body() -> None:
        async with Relays(url, 8) as relays:
            for number, time in enumerate(times):
                made = start(f"i{number}")._replace(received_at=time)
                await relays.stores[number % 3 if number < 5 else number].writer.put(made)
            read = relays.stores[0].report
            rows = read(lambda s: s.execute("SELECT count(*) FROM outcome_counts").fetchone()[0])
            assert rows > 1
            assert read(read_days) == {"test": source_days([("test", time) for time in times])}
            assert read(reports.status)["deliveries"] == {"test": {"stored": len(times)}}

    asyncio.run(body())


def test_no_batches_block_each_other(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four relays that write about the same few incidents in any order, none is a deadlock's victim."""
    conflicts: list[Exception] = []
    error_scope = PostgresqlDatabase.error_scope

    def noted(self: PostgresqlDatabase, error: Exception) -> ErrorScope:
        if error_scope(self, error) is ErrorScope.CONFLICT:
            conflicts.append(error)
        return error_scope(self, error)

    monkeypatch.setattr(PostgresqlDatabase, "error_scope", noted)
    chance = random.Random(SEED)
    names = [f"i{number}" for number in range(12)]
    deliveries = [made(name) for name in names for made in (start, end)]

    async def send(store: RelayStore) -> None:
        for _ in range(30):
            some = chance.sample(deliveries, 8)
            await asyncio.gather(*(store.writer.put(one) for one in some))

    async def body() -> None:
        async with Relays(url, 4) as relays:
            await asyncio.gather(*(send(store) for store in relays.stores))
            found = relays.stores[0].report(lambda s: s.execute("SELECT count(*) FROM events").fetchone())
            assert found == (2 * len(names),)

    asyncio.run(body())
    assert conflicts == []
