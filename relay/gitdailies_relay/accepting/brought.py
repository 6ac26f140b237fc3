"""The commits that a deploy brought, as pushes told: those since the one last deployed at its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from gitdailies_core.deploys.pushes import Brought, RememberedCommit, brought, has_end

from gitdailies_relay.accepting.store_port import AcceptanceStore, WantedDeploy

# How long a deploy waits for pushes that are late, at most.
WAIT = timedelta(minutes=10)
NOTHING_NEW = Brought((), ())
_SHOWN = 12


class Gap(NamedTuple):
    """Why the pushes that are known do not tell the commits. `may_close`: a late push may tell them."""

    reason: str
    may_close: bool


def brought_by(store: AcceptanceStore, wanted: WantedDeploy) -> Brought | Gap:
    """Return what a deploy brought to its place, or why that is not known."""
    place, sha, at, branch, vendors = wanted
    previous = store.deployed_before(place, sha, at) or vendors
    if not previous:
        return Gap("no deploy before it is known at its place", may_close=False)
    branches = sorted(store.branches_of(place.repo, sha), key=lambda one: (one != branch, one))
    walks: dict[str, Sequence[RememberedCommit]] = {}
    for one in branches:
        walks[one] = store.walk(place.repo, one, sha)
        found = brought(walks[one], (previous,))
        if found is not None:
            return found
    found = _since_an_earlier_deploy(store, wanted, previous, list(walks.values()))
    if found is not None:
        return found
    may_close = not has_end(walks.get(branch or "", ())) and store.has_pushes(place.repo)
    if not branches:
        return Gap("no push of its commit came", may_close)
    reason = f"the pushes that came do not lead back to {previous[:_SHOWN]}, deployed before"
    return Gap(reason, may_close)


def _since_an_earlier_deploy(
    store: AcceptanceStore, wanted: WantedDeploy, previous: str, walks: Sequence[Sequence[RememberedCommit]]
) -> Brought | None:
    """Return what came since any deploy of the place; nothing, if the commit itself was there.

    After a rollback, or a deploy of another branch, the commit last deployed is not on the way back.
    """
    place, sha, at, _, _ = wanted
    earlier = store.deployed_shas(place, at)
    if sha in earlier:
        return NOTHING_NEW
    for branch in store.branches_of(place.repo, previous):
        if any(sha in (one.sha, one.parent) for one in store.walk(place.repo, branch, previous)):
            return NOTHING_NEW
    return next(filter(None, (brought(walked, earlier) for walked in walks)), None)
