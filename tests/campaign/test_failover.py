"""The database that leads is killed under load: nothing that was accepted is lost, and nothing counts twice.

One relay and one DORA server reach PostgreSQL by HAProxy, the others by libpq's list of hosts.
GITDAILIES_FAILOVER_SECONDS says for how long in the long form, with a kill in each 150 seconds.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.campaign.load import Load
from tests.campaign.patroni import Patroni, haproxy, patroni, shipped_haproxy
from tests.campaign.two_and_two import Place, counted, delivery, event, new_key, places
from tests.support.processes import eventually
from tests.support.servers import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

SECONDS = int(os.environ.get("GITDAILIES_FAILOVER_SECONDS", "50"))
KILLS = max(1, SECONDS // 150)
DELIVERIES, EVENTS = 100.0, 10.0
# Vendors wait longer before they send again.
AGAIN = 2.0


@dataclass
class World:
    """The databases, and by the way to them a relay and a DORA server each; and two keys."""

    patroni: Patroni
    relays: dict[str, Place]
    doras: dict[str, Place]
    sending: str
    reading: str


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        running = stack.enter_context(patroni())
        found = places(folder, running.environ, "relay-1", "relay-2", "dora-1", "dora-2")
        databases = {one.name: one.port for one in running.databases}
        inside = free_port()
        config = shipped_haproxy(
            databases | {name: place.port for name, place in found.items()},
            {one.name: one.api for one in running.databases},
            {5432: running.port, 8700: inside, 8080: free_port()},
        )
        stack.enter_context(haproxy(folder, config))
        for place in found.values():
            stack.callback(place.kill)
        ways = {"HAProxy": running.through_haproxy, "hosts": running.by_its_hosts}
        sending, reading = (
            new_key(running.by_its_hosts, name, running.environ, folder, name) for name in ("send", "read")
        )
        relays = dict(zip(ways, (found["relay-1"], found["relay-2"]), strict=True))
        doras = dict(zip(ways, (found["dora-1"], found["dora-2"]), strict=True))
        for way, store in ways.items():
            doras[way].start_dora(store)
            relays[way].start_relay(store, f"http://127.0.0.1:{inside}/webhooks", sending)
        yield World(running, relays, doras, sending, reading)


def fail_over(cluster: Patroni) -> tuple[float, float]:
    """Kill the database that leads, and wait for the next one; return when, and for how long none led."""
    leader = cluster.leader()
    assert leader is not None
    killed = time.monotonic()
    leader.kill()
    eventually(cluster.leader)
    without = time.monotonic() - killed
    leader.start()
    eventually(cluster.is_whole, 120)
    return killed, without


def test_a_failover_loses_and_doubles_nothing(tmp_path: Path, measure: Callable[[str], None]) -> None:
    """Each accepted delivery and event is at the DORA server once, and what is refused gets 503."""
    with world(tmp_path) as running:
        relays, doras = running.relays, running.doras
        loads = {
            **{
                f"relay by {way}": Load(partial(delivery, url=place.url, of=way), DELIVERIES / 2, AGAIN)
                for way, place in relays.items()
            },
            **{
                f"DORA server by {way}": Load(
                    partial(event, url=place.url, of=way, key=running.sending), EVENTS / 2, AGAIN
                )
                for way, place in doras.items()
            },
        }
        failovers = []
        begun = time.monotonic()
        with ExitStack() as sending:
            for load in loads.values():
                sending.enter_context(load.running())
            for number in range(KILLS):
                time.sleep(max(0.0, begun + 10 + number * 140 - time.monotonic()))
                failovers.append(fail_over(running.patroni))
            time.sleep(max(0.0, begun + SECONDS - time.monotonic()))
        answers = [one.body for load in loads.values() for one in load.accepted()]
        expected = {id_ for answer in answers for id_ in answer.get("events") or [answer["id"]]}
        arrived = counted(relays["hosts"], doras["hosts"].url, running.reading)

    lost, doubled = expected - arrived.keys(), arrived - Counter(expected)
    measure(
        f"{SECONDS} s, {len(expected)} accepted, {len(lost)} lost, {doubled.total()} doubled\n"
        + "".join(
            f"{name}: {load.summary()},"
            f" without an accepted one {[round(load.longest_pause(at), 1) for at, _ in failovers]} s\n"
            for name, load in loads.items()
        )
        + f"without a leader {[round(seconds, 1) for _, seconds in failovers]} s"
    )
    assert not lost
    assert not doubled
    for name, load in loads.items():
        assert load.statuses().keys() <= {202, 503}, (name, load.statuses())
