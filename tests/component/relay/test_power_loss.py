"""Power loss at any moment: an acknowledged delivery is in the store when the power is back.

The store writes with its own statements, settings and transactions. The disk loses everything that
was not synced, except a torn part. GITDAILIES_CRASH_POINTS says how many crashes in the long form.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.reasons import UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Accepted, Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.store import outbox
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import now_us

from tests.support.forms import short_and_long
from tests.support.relay import power
from tests.support.relay.bench import BEGAN
from tests.support.relay.driver import statements, sync_failed, watched

both_forms = short_and_long(
    "points", "GITDAILIES_CRASH_POINTS", short=12, long=100, seconds=lambda points: 120 + 10 * points
)
# Enough that the log is carried over into the file twice on the way.
TURNS = 120
TARGETS = (DeployTarget("larkspur/shop"), DeployTarget("larkspur/ledger", "production"))
PLANTED = Reason(UNEXPECTED_PAYLOAD, "planted")
IN_FORCE = "PRAGMA synchronous=FULL"


@dataclass(frozen=True)
class Acknowledged:
    """The store acknowledged a delivery."""

    delivery: Delivery
    accepted: Accepted


@dataclass(frozen=True)
class Recorded:
    """The store acknowledged an attempt or, with *begun*, was asked to record it."""

    attempt: outbox.Attempt
    event: str
    begun: bool = False


Entry: TypeAlias = power.Change | Acknowledged | Recorded


@dataclass
class Workload:
    """The calls of a relay's store, in bursts, and one log of the disk's changes and the answers."""

    odds: random.Random
    # How many of a hundred syncs fail.
    failing: int = 0
    log: list[Entry] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    _failures: random.Random = field(default_factory=lambda: random.Random(5))
    _opened: bool = False

    def see(self, change: power.Change) -> None:
        if self._opened and isinstance(change, power.Synced) and self._failures.random() * 100 < self.failing:
            self.log.append(power.NotSynced(change.file))
            raise sync_failed()
        self.log.append(change)

    async def run(self, path: Path) -> None:
        store = RelayStore(SqliteDatabase(path))
        store.prepare()
        store.start()
        self._opened = True
        for turn in range(TURNS):
            burst = [self._delivery(turn, number) for number in range(self.odds.choice((1, 1, 2, 5, 17)))]
            self.deliveries += burst
            ready = await store.ready(self.odds.choice((0, 4, 12)))
            await asyncio.gather(
                *(self._accept(store, one) for one in burst), *(self._record(store, event) for event in ready)
            )
        await store.close()

    async def _accept(self, store: RelayStore, delivery: Delivery) -> None:
        with contextlib.suppress(StoreUnavailable):
            self.log.append(Acknowledged(delivery, await store.writer.put(delivery)))

    async def _record(self, store: RelayStore, event: outbox.ReadyEvent) -> None:
        verdict = self.odds.choice(
            (outbox.DELIVERED, outbox.DELIVERED, outbox.DELIVERED, outbox.RETRY, outbox.DEAD_LETTER)
        )
        attempt = outbox.Attempt(event.seq, now_us(), None, verdict, "planted", now_us())
        self.log.append(Recorded(attempt, event.id, begun=True))
        with contextlib.suppress(StoreUnavailable):
            await store.record([attempt], [event.partition])
            self.log.append(Recorded(attempt, event.id))

    def _delivery(self, turn: int, number: int) -> Delivery:
        name = f"d{turn:04}-{number:02}"
        kind = self.odds.random()
        if kind < 0.1 and self.deliveries:
            return self.odds.choice(self.deliveries)._replace(id=name, received_at=now_us())
        if kind < 0.2:
            body = self.odds.randbytes(self.odds.randrange(20_000))
            reading = Interpretation("test", "", body, "", (), PLANTED)
            return Delivery(name, now_us(), "default", reading)
        incident = f"I{self.odds.randrange(TURNS)}"
        state, hours = self.odds.choice((STARTED, RESOLVED)), self.odds.randrange(1000)
        change = Change(
            state=state, word=state, incident=incident, at=BEGAN + timedelta(hours=hours), title="x" * 500
        )
        routed = RoutedMessage(change, name, TARGETS[: self.odds.choice((1, 2))])
        return Delivery(name, now_us(), "default", Interpretation("test", "", b"", "", (routed,)))


@dataclass
class Tally:
    """The results of the crashes."""

    points: int = 0
    losing: int = 0
    worst: int = 0
    damaged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.points} crashes: {self.losing} lost what was acknowledged (at worst {self.worst}"
            f" deliveries, events and results), {self.damaged} left a damaged file"
        )


def crashed(workload: Workload, folder: Path, points: int, odds: random.Random) -> Tally:
    """Let the power fail at *points* moments of the log, and check the store each time."""
    moments = Counter(odds.randrange(1, len(workload.log) + 1) for _ in range(points))
    disk, tally = power.Disk(odds), Tally()
    acknowledged: list[Acknowledged] = []
    recorded: list[Recorded] = []
    for number, entry in enumerate(workload.log, 1):
        if isinstance(entry, Acknowledged):
            acknowledged.append(entry)
        elif isinstance(entry, Recorded):
            recorded.append(entry)
        else:
            disk.take(entry)
        for copy in range(moments[number]):
            after = folder / f"{number}-{copy}"
            after.mkdir()
            for name, content in disk.after_crash().items():
                (after / name).write_bytes(content)
            _judge(tally, after / "relay.db", workload, acknowledged, recorded)
            for file in after.iterdir():
                file.unlink()
    return tally


def _judge(
    tally: Tally,
    path: Path,
    workload: Workload,
    acknowledged: Sequence[Acknowledged],
    recorded: Sequence[Recorded],
) -> None:
    tally.points += 1
    try:
        asyncio.run(_reopened(path))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            lost = _lost(connection, acknowledged, recorded)
            if not lost:
                _consistent(connection)
    except (sqlite3.DatabaseError, StoreUnavailable):
        tally.damaged += 1
        return
    tally.losing += bool(lost)
    tally.worst = max(tally.worst, len(lost))
    if not lost:
        asyncio.run(_sent_again(path, workload, acknowledged))


async def _reopened(path: Path) -> None:
    store = RelayStore(SqliteDatabase(path))
    store.prepare()
    store.start()
    await store.close()


def _lost(
    connection: sqlite3.Connection, acknowledged: Sequence[Acknowledged], recorded: Sequence[Recorded]
) -> list[str]:
    """Return the acknowledged deliveries that the store lacks in whole or in part."""
    rows = dict(connection.execute("SELECT delivery, outcome FROM deliveries").fetchall())
    quarantined = dict(connection.execute("SELECT delivery, body FROM quarantine").fetchall())
    events = {id_ for (id_,) in connection.execute("SELECT id FROM events")}
    pending = dict(
        connection.execute(
            "SELECT e.id, p.dead_letter FROM outbox p JOIN events e ON e.seq = p.seq"
        ).fetchall()
    )
    gone = {one.event for one in recorded if one.attempt.verdict == outbox.DELIVERED}
    lost = [one.delivery.id for one in acknowledged if rows.get(one.delivery.id) not in one.accepted.outcomes]
    for one in acknowledged:
        if (
            one.accepted.quarantine_code
            and quarantined.get(one.delivery.id) != one.delivery.interpretation.body
        ):
            lost.append(one.delivery.id)
        # An attempt that was begun to be recorded may or may not have been.
        lost += [id_ for id_ in one.accepted.events if id_ not in events or id_ not in pending.keys() | gone]
    for done in recorded:
        if done.begun:
            continue
        if done.attempt.verdict == outbox.DELIVERED and done.event in pending:
            lost.append(done.event)
        if done.attempt.verdict == outbox.DEAD_LETTER and pending.get(done.event) is None:
            lost.append(done.event)
    return lost


def _consistent(connection: sqlite3.Connection) -> None:
    """Every partition has one next event, its first; no event is stored twice."""
    partitions = connection.execute(
        "SELECT partition, sum(is_next), min(seq), min(seq) FILTER (WHERE is_next = 1) FROM outbox"
        " WHERE dead_letter IS NULL GROUP BY partition"
    ).fetchall()
    assert [row for row in partitions if row[1] != 1 or row[2] != row[3]] == []
    assert connection.execute("SELECT count(*) - count(DISTINCT id) FROM events").fetchone() == (0,)
    orphans = "SELECT count(*) FROM outbox WHERE seq NOT IN (SELECT seq FROM events)"
    assert connection.execute(orphans).fetchone() == (0,)


async def _sent_again(path: Path, workload: Workload, acknowledged: Sequence[Acknowledged]) -> None:
    """Send the unanswered deliveries again, and some of the answered ones: no event is stored twice."""
    store = RelayStore(SqliteDatabase(path))
    store.prepare()
    store.start()
    before = {
        one.delivery.interpretation.messages[0].key: one.accepted
        for one in acknowledged
        if one.delivery.interpretation.messages
    }
    sent = [one for one in workload.deliveries if one.interpretation.messages]
    repeated = await asyncio.gather(*(store.writer.put(one._replace(id=f"again-{one.id}")) for one in sent))
    await store.close()
    for delivery, again in zip(sent, repeated, strict=True):
        known = before.get(delivery.interpretation.messages[0].key)
        assert known is None or not known.events or again.events == known.events
    with contextlib.closing(sqlite3.connect(path)) as connection:
        _consistent(connection)


def ran(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    points: int,
    *reworded: tuple[str, str],
    failing: int = 0,
) -> Tally:
    """Run a workload on the watched disk, with some statements put in place of others, then crash it."""
    workload = Workload(random.Random(2611), failing)
    for name in ("live", "crashed"):
        (folder / name).mkdir()
    with watched(monkeypatch, workload.see, statements(*reworded)):
        asyncio.run(workload.run(folder / "live" / "relay.db"))
    carried_over = sum(isinstance(one, power.Synced) and one.file == "relay.db" for one in workload.log)
    assert carried_over >= 3, "too little was written to carry the log over: the test proves too little"
    assert sum(isinstance(one, power.NotSynced) for one in workload.log) >= failing
    return crashed(workload, folder / "crashed", points, random.Random(500))


@pytest.mark.parametrize("failing", [0, 8])
@both_forms
def test_what_was_acknowledged_survives_every_power_loss(
    points: int,
    failing: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    measure: Callable[[str], None],
) -> None:
    """At no crash point is an acknowledged delivery, event or result missing, doubled or damaged.

    Nor is it where some syncs fail, after which the system drops its pages.
    """
    tally = ran(tmp_path, monkeypatch, points, failing=failing)
    measure(f"settings of the store, {failing} of a hundred syncs fail: {tally}")
    assert (tally.points, tally.losing, tally.damaged) == (points, 0, 0)


@both_forms
def test_with_synchronous_normal_the_same_crashes_lose(
    points: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Callable[[str], None]
) -> None:
    """With synchronous NORMAL in place of FULL most of the same crashes lose deliveries."""
    tally = ran(tmp_path, monkeypatch, points, (IN_FORCE, "PRAGMA synchronous=NORMAL"))
    measure(f"synchronous=NORMAL: {tally}")
    assert tally.losing > points / 2
