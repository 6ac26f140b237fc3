"""Deploys that wait for late pushes: which may go, in the order of their times at each place.

A deploy is stored and held at once, so that nothing is lost. It goes as soon as the pushes that came lead
back to the commit deployed before it, or none can any more, or its time is over. One that is later at its
place does not overtake it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import orjson
from gitdailies_core.deploys.deploy import completed
from gitdailies_core.deploys.pushes import Brought
from gitdailies_core.deploys.routing import Place
from gitdailies_core.events.events import Event

from gitdailies_relay.accepting.brought import Gap, brought_by
from gitdailies_relay.accepting.store_port import AcceptanceStore, NewWaiting, WaitingDeploy, place_key

_HELD = "held: it waits up to 10m for its push: {reason}"
_HELD_BEHIND = "held: a deploy before it at its place waits for its push"
NOT_TOLD = "no commits: {reason}"
_TOLD_LATE = "its push came later"
_WAS_BEHIND = "it came after a deploy that waited for its push"


def waiting_beside(
    store: AcceptanceStore, place: Place, pending: Sequence[NewWaiting]
) -> list[tuple[datetime, str]]:
    """Return time and id of the deploys that wait at *place*, those of this batch, *pending*, included."""
    name = place_key(place)
    beside = [(one.wanted.at, one.id) for one in pending if place_key(one.wanted.place) == name]
    return [*store.waiting_at(place), *beside]


def why_held(
    found: Brought | Gap | None, own: tuple[datetime, str], waiting: Sequence[tuple[datetime, str]]
) -> str:
    """Say why a deploy is held: for its push, or behind one of those *waiting*; "" if it is not.

    *own* are its time and id.
    """
    if isinstance(found, Gap) and found.may_close:
        return _HELD.format(reason=found.reason)
    return _HELD_BEHIND if any(one < own for one in waiting) else ""


class _Step(NamedTuple):
    """A deploy that goes: the body of its event, and why it waited or has no commits."""

    deploy: WaitingDeploy
    body: str
    reason: str


def settle(store: AcceptanceStore, repos: Iterable[str], now: int = 0) -> None:
    """Let those deploys of *repos* go that need not wait any longer, or whose time is over *now* (µs)."""
    for repo in dict.fromkeys(one.casefold() for one in repos):
        for _, of_place in groupby(store.waiting_deploys(repo), key=lambda one: one.wanted.place):
            for step in _steps(store, list(of_place), now):
                store.release_deploy(*step)


def _steps(store: AcceptanceStore, waiting: Sequence[WaitingDeploy], now: int) -> list[_Step]:
    """Return those of one place that go, the first first."""
    # One that is over takes those before it along.
    over = max((number for number, one in enumerate(waiting) if one.held_until <= now), default=-1)
    steps: list[_Step] = []
    for number, one in enumerate(waiting):
        event = Event.from_wire(orjson.loads(one.body))
        if event.get("commits") is not None:
            steps.append(_Step(one, one.body, _WAS_BEHIND))
            continue
        found = brought_by(store, one.wanted)
        if isinstance(found, Gap):
            if found.may_close and number > over:
                break
            steps.append(_Step(one, one.body, NOT_TOLD.format(reason=found.reason)))
        else:
            body = orjson.dumps(completed(event, found).to_wire()).decode()
            steps.append(_Step(one, body, _TOLD_LATE))
    return steps
