"""The faults of a campaign: each happens while vendors send, and is over when its function returns."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.campaign.world import Mood, World, hold
from tests.support.relay.receiver import Arrival, answer

_HALF_A_DAY = 43_200.0


@dataclass(frozen=True)
class Fault:
    """A kind of fault, and how one of it happens."""

    name: str
    strike: Callable[[World], None]


Faults: TypeAlias = tuple[Fault, ...]


def kill_a_relay(world: World) -> None:
    number = world.odds.randrange(len(world.relays))
    world.kill_relay(number)
    hold(world.odds, 0.0, 0.3)
    world.start_relay(number)


def kill_the_receiver(world: World) -> None:
    world.pair.dora.kill()
    hold(world.odds, 0.3, 1.0)
    world.pair.start_dora()


def _in_mood(world: World, mood: Mood) -> None:
    world.recorder.mood = mood
    hold(world.odds, 0.4, 1.2)
    world.recorder.mood = None


def slow(world: World) -> None:
    """Answer late, in part after the relay's timeout, although the event was stored."""

    def mood(one: Arrival) -> bytes | None:
        time.sleep(world.odds.choice((0.1, 0.4, 1.3)))
        return world.recorder.pass_on(one)

    _in_mood(world, mood)


def ask_for_time(world: World) -> None:
    _in_mood(world, lambda _: answer("429 Too Many Requests", Retry_After="1"))


def fail(world: World) -> None:
    _in_mood(world, lambda _: answer("500 Internal Server Error"))


def cut(world: World) -> None:
    """Read the request and cut the connection, half of them after the event was taken."""

    def mood(one: Arrival) -> bytes | None:
        if world.odds.random() < 0.5:
            world.recorder.pass_on(one)
        return None

    _in_mood(world, mood)


def fill_the_disk(world: World) -> None:
    """Leave no room on the store's disk, its log cut first: written over, it would need none."""
    assert world.disk is not None
    assert world.relays[0] is not None
    process = world.relays[0].process.pid
    with contextlib.closing(sqlite3.connect(world.disk.folder / "relay.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    world.disk.fill(process)
    hold(world.odds, 0.4, 1.2)
    world.disk.empty(process)


def set_the_clock_forward_and_back(world: World) -> None:
    """Let the receiver fail while the clock is ahead, then set it right: retries were due far ahead."""
    world.set_clock(_HALF_A_DAY)
    fail(world)
    world.set_clock(0)


def set_the_clock_back_and_right(world: World) -> None:
    world.set_clock(-_HALF_A_DAY)
    fail(world)
    world.set_clock(0)


def kill_postgresql(world: World) -> None:
    assert world.cluster is not None
    world.cluster.kill()
    hold(world.odds, 0.0, 0.5)
    world.cluster.start()


def restart_postgresql(world: World) -> None:
    assert world.cluster is not None
    world.cluster.stop()
    hold(world.odds, 0.3, 1.0)
    world.cluster.start()


OF_THE_RECEIVER: Faults = (
    Fault("receiver killed", kill_the_receiver),
    Fault("receiver slow", slow),
    Fault("429 with Retry-After", ask_for_time),
    Fault("500", fail),
    Fault("connection cut", cut),
)
OF_THE_CLOCK: Faults = (
    Fault("clock forward, back", set_the_clock_forward_and_back),
    Fault("clock back, right", set_the_clock_back_and_right),
)
ON_SQLITE: Faults = (
    Fault("kill -9 of the relay", kill_a_relay),
    *OF_THE_RECEIVER,
    Fault("disk full", fill_the_disk),
    *OF_THE_CLOCK,
)
ON_POSTGRESQL: Faults = (
    Fault("kill -9 of a relay of two", kill_a_relay),
    Fault("kill -9 of PostgreSQL", kill_postgresql),
    Fault("PostgreSQL restarted", restart_postgresql),
    *OF_THE_RECEIVER,
    *OF_THE_CLOCK,
)
