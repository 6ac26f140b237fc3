"""Rounds of faults against real processes: each accepted event arrives once, in its incident's order.

GITDAILIES_CAMPAIGN_ROUNDS and GITDAILIES_CAMPAIGN_POSTGRESQL_ROUNDS say how many in the long form; by
default every kind of fault happens once.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitdailies_core.errors import StoreUnavailable

from tests.campaign.faults import ON_POSTGRESQL, ON_SQLITE, Fault, Faults
from tests.campaign.vendors import Vendor
from tests.campaign.world import World, postgresql_world, sqlite_world
from tests.support.forms import short_and_long
from tests.support.processes import eventually

SEED = int(os.environ.get("GITDAILIES_CAMPAIGN_SEED", "20261124"))
VENDORS, DELIVERIES = 4, 15
RECOVERY_SECONDS = 90.0


@dataclass
class Figures:
    """The results of the rounds of one kind."""

    rounds: int = 0
    accepted: int = 0
    arrived: int = 0
    twice: int = 0
    disordered: int = 0
    repeats: int = 0
    refused: int = 0
    unanswered: int = 0
    seconds: float = 0.0

    def add(self, other: Figures) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


_HEADS = ("rounds", "accepted", "arrived", "twice", "out of order", "repeats", "503", "no answer", "seconds")


def table(by_kind: dict[str, Figures]) -> str:
    """Write the figures, a line a kind, and their sum."""
    total = Figures()
    for figures in by_kind.values():
        total.add(figures)
    rows: list[tuple[str, ...]] = [("fault", *_HEADS)]
    for name, figures in [*by_kind.items(), ("all", total)]:
        *numbers, seconds = vars(figures).values()
        rows.append((name, *map(str, numbers), f"{seconds:.0f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def shuffled(kinds: Faults, odds: random.Random) -> Iterator[Fault]:
    """Yield faults without end, every kind as often as any other."""
    while True:
        yield from odds.sample(kinds, len(kinds))


def rounds(world: World, kinds: Faults, count: int) -> dict[str, Figures]:
    """Run *count* rounds and return their figures by kind; check the receiver's events after each."""
    vendors = [Vendor(f"v{number}", random.Random(SEED + number)) for number in range(VENDORS)]
    by_kind: dict[str, Figures] = {fault.name: Figures() for fault in kinds}
    for number, fault in zip(range(count), shuffled(kinds, world.odds), strict=False):
        figures = _round(world, vendors, fault)
        by_kind[fault.name].add(figures)
        summary = f"round {number}, {fault.name}: {figures}"
        assert figures.accepted == figures.arrived > 0, summary
        assert (figures.twice, figures.disordered) == (0, 0), summary
    return by_kind


def _round(world: World, vendors: list[Vendor], fault: Fault) -> Figures:
    began = time.monotonic()
    standing = len(world.pair.everything())
    attempts = len(world.recorder.receiver.arrivals)
    before = [(len(one.accepted), one.refused, one.unanswered) for one in vendors]
    with ThreadPoolExecutor(VENDORS) as pool:
        sending = [
            pool.submit(one.send, DELIVERIES, world.address, began + RECOVERY_SECONDS) for one in vendors
        ]
        eventually(lambda: sum(len(one.accepted) for one in vendors) > sum(b[0] for b in before) + 4, 30)
        time.sleep(world.odds.random() * 0.2)
        fault.strike(world)
        for one in sending:
            one.result()
    eventually(lambda: _waiting(world) == 0, RECOVERY_SECONDS)
    arrived = world.pair.everything()[standing:]
    accepted = [one.accepted[b[0] :] for one, b in zip(vendors, before, strict=True)]
    counts = Counter(event["id"] for event in arrived)
    known = {id_ for ids in accepted for id_ in ids}
    return Figures(
        rounds=1,
        accepted=len(known),
        arrived=len(known & counts.keys()),
        twice=counts.total() - len(counts) + len(counts.keys() - known),
        disordered=_disordered(arrived, accepted),
        repeats=len(world.recorder.receiver.arrivals) - attempts - len(arrived),
        refused=sum(one.refused - b[1] for one, b in zip(vendors, before, strict=True)),
        unanswered=sum(one.unanswered - b[2] for one, b in zip(vendors, before, strict=True)),
        seconds=time.monotonic() - began,
    )


def _waiting(world: World) -> int:
    with suppress(StoreUnavailable):
        status = world.pair.status()
        assert (status["deadLetters"], status["paused"]) == (0, []), status
        waiting: int = status["waiting"]
        return waiting
    return -1


def _disordered(arrived: list[dict[str, Any]], accepted: list[list[str]]) -> int:
    """Return how many incidents, in a repository each, arrived in another order than they were accepted."""
    place = {id_: number for ids in accepted for number, id_ in enumerate(ids)}
    orders: dict[tuple[str, str], list[int]] = {}
    for event in arrived:
        orders.setdefault((event["incidentId"], event["repo"]), []).append(place[event["id"]])
    return sum(order != sorted(order) for order in orders.values())


def patience(many: int) -> float:
    """Return the time limit of a test with *many* rounds, in seconds."""
    return many * 120 + 120


@short_and_long("many", "GITDAILIES_CAMPAIGN_ROUNDS", short=2, long=len(ON_SQLITE), seconds=patience)
def test_no_fault_on_sqlite_loses_doubles_or_disorders(
    many: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """SQLite: after every fault the receiver has each accepted event once, in order."""
    with sqlite_world(tmp_path, random.Random(SEED)) as world:
        by_kind = rounds(world, ON_SQLITE, many)
        assert world.disk is not None
        disk = "a mounted disk" if world.disk.mounted else "a limit on file sizes"
    measure(f"one relay, SQLite on {disk}\n{table(by_kind)}")
    assert by_kind["disk full"].refused or not by_kind["disk full"].rounds, "the disk was never full"


@short_and_long(
    "many", "GITDAILIES_CAMPAIGN_POSTGRESQL_ROUNDS", short=1, long=len(ON_POSTGRESQL), seconds=patience
)
def test_no_fault_on_postgresql_loses_doubles_or_disorders(
    many: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """With two relays on one PostgreSQL: the same, though the database is killed under them."""
    with postgresql_world(tmp_path, random.Random(SEED)) as world:
        by_kind = rounds(world, ON_POSTGRESQL, many)
    measure(f"two relays, PostgreSQL\n{table(by_kind)}")
