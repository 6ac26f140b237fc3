"""What a campaign acts on: relays, the DORA server behind a recorder, the disk or server of the store."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.campaign.cluster import Cluster, cluster
from tests.campaign.disk import Disk, small_disk
from tests.support.processes import Server, start
from tests.support.relay.pair import CONFIG, Pair, running_pair
from tests.support.relay.receiver import Arrival, Receiver, answer, receiving
from tests.support.relay.running import configure

_CLOCK = Path(__file__).parent / "moved_clock"
Mood = Callable[[Arrival], bytes | None]


def with_clock(file: Path) -> dict[str, str]:
    """Return the variables of a process whose wall clock *file* moves."""
    path = os.pathsep.join(part for part in (str(_CLOCK), os.environ.get("PYTHONPATH", "")) if part)
    return {"PYTHONPATH": path, "MOVED_CLOCK": str(file)}


@dataclass
class Recorder:
    """A proxy between relay and the DORA server. If `mood` returns None, the request is passed on."""

    url: str
    receiver: Receiver
    mood: Mood | None = None
    _session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        # As many at once as the relay sends, so that no connection is thrown away.
        self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=32))
        self.receiver.script = self._reply

    def pass_on(self, one: Arrival) -> bytes | None:
        """Pass an event on to the DORA server. If they are down, return None, which cuts the connection."""
        headers = {"webhook-key": one.key, "idempotency-key": one.id}
        try:
            reply = self._session.post(self.url, json=one.event, headers=headers, timeout=20)
        except requests.RequestException:
            return None
        return answer(f"{reply.status_code} X", reply.content, Content_Type="application/json")

    def _reply(self, one: Arrival) -> bytes | None:
        return self.pass_on(one) if self.mood is None else self.mood(one)


@dataclass
class World:
    """All running parts. `moved` is the file with the error of the relays' wall clock."""

    pair: Pair
    recorder: Recorder
    odds: random.Random
    relays: list[Server | None]
    moved: Path
    disk: Disk | None = None
    cluster: Cluster | None = None

    def start_relay(self, number: int) -> None:
        environ, name = with_clock(self.moved), f"relay-{number}"
        self.relays[number] = start(
            "relay", "--config", CONFIG, folder=self.pair.folder, environ=environ, name=name
        )

    def kill_relay(self, number: int) -> None:
        relay = self.relays[number]
        assert relay is not None
        relay.kill()

    def address(self) -> str:
        """Return the address of any relay, as a load balancer does; one that was killed refuses."""
        relay = self.odds.choice(self.relays)
        assert relay is not None
        return relay.address

    def set_clock(self, seconds: float) -> None:
        new = self.moved.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.moved)


@contextmanager
def sqlite_world(folder: Path, odds: random.Random) -> Iterator[World]:
    """Run one relay on an SQLite file on a small disk."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder))
        world = stack.enter_context(_world(folder, odds, "sqlite:disk/relay.db", relays=1))
        world.disk = disk
        yield world


@contextmanager
def postgresql_world(folder: Path, odds: random.Random) -> Iterator[World]:
    """Run two relays on a PostgreSQL of their own."""
    with ExitStack() as stack:
        running = stack.enter_context(cluster())
        world = stack.enter_context(_world(folder, odds, running.url, relays=2))
        world.cluster = running
        yield world


@contextmanager
def _world(folder: Path, odds: random.Random, store: str, relays: int) -> Iterator[World]:
    settings = {"store": store, "timeout": "1", "lease_seconds": "3"}
    with running_pair(folder, **settings) as pair, receiving() as receiver:
        pair.relay.terminate()
        key = (folder / "webhook-key").read_text().strip()
        configure(folder, url=receiver.url, key=key, **settings)
        recorder = Recorder(f"http://127.0.0.1:{pair.port}/webhooks", receiver)
        world = World(pair, recorder, odds, [None] * relays, folder / "moved-by")
        world.set_clock(0)
        try:
            for number in range(relays):
                world.start_relay(number)
            yield world
        finally:
            for relay in world.relays:
                if relay is not None:
                    relay.kill()


def hold(odds: random.Random, least: float, most: float) -> None:
    """Let a fault last for a while."""
    time.sleep(odds.uniform(least, most))
