"""The commits that a deploy brought, as pushes told: those since the one last deployed at its place."""

from __future__ import annotations

from gitdailies_core.deploys.pushes import Brought, brought
from gitdailies_core.deploys.routing import Place
from gitdailies_core.sources.deploy_messages import Deploy

from gitdailies_relay.accepting.store_port import AcceptanceStore

_SHOWN = 12


def brought_by(store: AcceptanceStore, deploy: Deploy, place: Place) -> Brought | str:
    """Return what *deploy* brought to *place*, or why the pushes that are known do not tell it."""
    previous = store.deployed_before(place, deploy.sha, deploy.at) or deploy.previous
    if not previous:
        return "no commits: no deploy before it is known at its place"
    branches = store.branches_of(place.repo, deploy.sha)
    for branch in sorted(branches, key=lambda one: (one != deploy.branch, one)):
        found = brought(store.walk(place.repo, branch, deploy.sha), previous)
        if found is not None:
            return found
    if not branches:
        return "no commits: no push of its commit came before it"
    return (
        f"no commits: the pushes that came before it do not lead back to {previous[:_SHOWN]}, deployed before"
    )
