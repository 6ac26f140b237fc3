"""Facts about deploys: the commits that each brought, which wait for late pushes, and which went back.

A deploy brings the commits since the one last deployed at its place, as pushes say. It is stored and held at
once, so that nothing is lost. It goes as soon as the pushes that came lead back to the commit deployed before
it, or none can any more, or its time is over. One that is later at its place does not overtake it.

If a vendor repeats the state of something, only a change of its commit is a deploy. The id of
such a deploy is made of its commit. So a commit that comes back after another one needs an id of
its own. A state that is sent again for the same commit does not.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import orjson
from gitdailies_core.deploys.deploy import completed
from gitdailies_core.deploys.pushes import Brought, RememberedCommit, brought, has_end, straight
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import Event
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.values.deploy_target import DeployTarget

from gitdailies_relay.accepting import store_port

# How long a deploy waits for pushes that are late, at most.
WAIT = timedelta(minutes=10)
NOTHING_NEW = Brought((), ())
_SHOWN = 12
_HELD = "held: it waits up to 10m for its push: {reason}"
_HELD_BEHIND = "held: a deploy before it at its place waits for its push"
NOT_TOLD = "no commits: {reason}"
_TOLD_LATE = "its push came later"
_WAS_BEHIND = "it came after a deploy that waited for its push"


class Gap(NamedTuple):
    """Why the pushes that are known do not tell the commits. `may_close`: a late push may tell them."""

    reason: str
    may_close: bool


def brought_by(store: store_port.AcceptanceStore, wanted: store_port.WantedDeploy) -> Brought | Gap:
    """Return what a deploy brought to its place, or why that is not known."""
    place, sha, at, branch, vendors = wanted
    earlier = store.deployed_shas(place, at)
    previous = next((one for one in earlier if one != sha), vendors)
    if not previous:
        return Gap("no deploy before it is known at its place", may_close=False)
    branches = sorted(store.branches_of(place.repo, sha), key=lambda one: (one != branch, one))
    walks: dict[str, Sequence[RememberedCommit]] = {}
    for one in branches:
        walks[one] = straight(store.walk(place.repo, one, sha))
        found = brought(walks[one], (previous,), place.service)
        if found is not None:
            return found
    found = _since_an_earlier_deploy(store, wanted, previous, earlier, list(walks.values()))
    if found is not None:
        return found
    may_close = not has_end(walks.get(branch or "", ())) and store.has_pushes(place.repo)
    if not branches:
        return Gap("no push of its commit came", may_close)
    reason = f"the pushes that came do not lead back to {previous[:_SHOWN]}, deployed before"
    return Gap(reason, may_close)


def _since_an_earlier_deploy(
    store: store_port.AcceptanceStore,
    wanted: store_port.WantedDeploy,
    previous: str,
    earlier: Sequence[str],
    walks: Sequence[Sequence[RememberedCommit]],
) -> Brought | None:
    """Return the commits since any of the *earlier* deploys; none if one of them deployed this commit.

    After a rollback, or a deploy of another branch, the commit last deployed is not on the way back.
    """
    place, sha = wanted.place, wanted.sha
    # Another report of the commit that was deployed last has the same commits as the first.
    if sha in earlier[1:]:
        return NOTHING_NEW
    for branch in store.branches_of(place.repo, previous):
        if any(sha in (one.sha, one.parent) for one in straight(store.walk(place.repo, branch, previous))):
            return NOTHING_NEW
    return next(filter(None, (brought(walked, earlier, place.service) for walked in walks)), None)


def waiting_beside(
    store: store_port.AcceptanceStore, place: DeployTarget, pending: Sequence[store_port.NewWaiting]
) -> list[tuple[datetime, str]]:
    """Return time and id of the deploys that wait at *place*, those of this batch, *pending*, included."""
    name = store_port.place_key(place)
    beside = [
        (one.wanted.at, one.held.id) for one in pending if store_port.place_key(one.wanted.place) == name
    ]
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


def settle(store: store_port.AcceptanceStore, repos: Iterable[str], now: int = 0) -> None:
    """Release the deploys of *repos* that need not wait any longer, or whose time is over *now* (µs)."""
    for repo in dict.fromkeys(one.casefold() for one in repos):
        for _, of_place in groupby(store.waiting_deploys(repo), key=lambda one: one.wanted.place):
            # All are decided before the first one goes.
            for deploy, body, reason in list(_steps(store, list(of_place), now)):
                store.release_deploy(deploy, body, reason)


def _steps(
    store: store_port.AcceptanceStore, waiting: Sequence[store_port.WaitingDeploy], now: int
) -> Iterator[tuple[store_port.WaitingDeploy, str, str]]:
    """Yield the released deploys of one place, with the body, and why it waited or has no commits."""
    # One that is over takes those before it along.
    over = max((number for number, one in enumerate(waiting) if one.held_until <= now), default=-1)
    for number, one in enumerate(waiting):
        try:
            event = Event.from_wire(orjson.loads(one.body))
            if event.get("commits") is not None:
                yield one, one.body, _WAS_BEHIND
                continue
            found = brought_by(store, one.wanted)
            if isinstance(found, Gap):
                if found.may_close and number > over:
                    break
                yield one, one.body, NOT_TOLD.format(reason=found.reason)
            else:
                body = orjson.dumps(completed(event, found).to_wire()).decode()
                why = _WAS_BEHIND if one.reason == _HELD_BEHIND else _TOLD_LATE
                yield one, body, why
        except (ValueError, InvalidEvent):
            # A damaged row. Its sender makes a dead letter of it, and it holds up no other deploy.
            yield one, one.body, NOT_TOLD.format(reason="its event cannot be read")


def went_back(store: store_port.AcceptanceStore, source: str, deploy: Deploy) -> bool:
    """Return whether another commit counted last for what *deploy* is about, and before its time."""
    last = store.deployed_last(object_of(source, deploy)) if deploy.object else None
    return last is not None and last[0] != deploy.sha and last[1] < deploy.at


def remember(store: store_port.AcceptanceStore, source: str, deploy: Deploy) -> None:
    """Remember the commit that counted last for what *deploy* is about."""
    if deploy.object:
        store.remember_deploy(object_of(source, deploy), deploy.sha, deploy.at)


def object_of(source: str, deploy: Deploy) -> DeployTarget:
    """Return the place under which the store remembers what *deploy* is about."""
    # No repository has a space in its name.
    return DeployTarget(f"{source} {deploy.object}")
