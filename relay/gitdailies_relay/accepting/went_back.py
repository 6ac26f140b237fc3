"""Deploys of something whose vendor tells its state again and again: only a change of its commit is one.

The id of such a deploy is made of its commit. So a commit that comes back after another one needs an id of
its own. A state that is sent again for the same commit does not.
"""

from __future__ import annotations

from gitdailies_core.deploys.routing import Place
from gitdailies_core.sources.deploy_messages import Deploy

from gitdailies_relay.accepting.store_port import AcceptanceStore


def went_back(store: AcceptanceStore, source: str, deploy: Deploy) -> bool:
    """Return whether another commit counted last for what *deploy* is about, and before its time."""
    last = store.deployed_last(object_of(source, deploy)) if deploy.object else None
    return last is not None and last[0] != deploy.sha and last[1] < deploy.at


def remember(store: AcceptanceStore, source: str, deploy: Deploy) -> None:
    """Remember the commit that counted last for what *deploy* is about."""
    if deploy.object:
        store.remember_deploy(object_of(source, deploy), deploy.sha, deploy.at)


def object_of(source: str, deploy: Deploy) -> Place:
    """Return the place under which the store remembers what *deploy* is about."""
    # No repository has a space in its name.
    return Place(f"{source} {deploy.object}")
