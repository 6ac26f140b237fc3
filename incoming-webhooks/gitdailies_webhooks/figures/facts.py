"""What figures and reasons need to know about a history: the facts of each deploy and each incident.

A deploy failed if an incident is attributed to it, or if a rollback undid it. Its recovery is timed by
its first outage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gitdailies_webhooks.figures.events import ROLLBACK, Deploy, History, Place
from gitdailies_webhooks.figures.incidents import Incident, Linker, occurrences
from gitdailies_webhooks.figures.lead_time import NewCommits, new_commits
from gitdailies_webhooks.figures.settings import FigureSettings


class Outage(NamedTuple):
    """An outage of a deploy; `duration_us` is None while it lasts."""

    began_at: int
    duration_us: int | None


class DeployFacts(NamedTuple):
    """A deploy, its new commits, and how it failed."""

    deploy: Deploy
    new: NewCommits
    incidents: tuple[Incident, ...]
    undone_by: tuple[Deploy, ...]
    outage: Outage | None

    @property
    def failed(self) -> bool:
        return bool(self.incidents or self.undone_by)


class Facts(NamedTuple):
    """Deploys in order, incidents by series, and the deploy that each rollback undoes, by its id."""

    deploys: tuple[DeployFacts, ...]
    incidents: tuple[Incident, ...]
    undone: dict[str, Deploy]


class OccurrenceSpan(Protocol):
    """The span of an occurrence, from which outages are made."""

    @property
    def began_at(self) -> int: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def merged(self) -> bool: ...


def derive(history: History, settings: FigureSettings) -> Facts:
    """Derive the facts of a history. Incidents are linked over all of its events, not over a period."""
    new = new_commits(history.deploys)
    linker = Linker(history.deploys, new, settings.window_us)
    incidents = tuple(
        Incident(occurrence, linker.link(occurrence))
        for occurrence in occurrences(history.starts, history.ends)
    )
    attributed: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.link.deploy is not None:
            attributed[incident.link.deploy.id].append(incident)
    undone = undone_deploys(history.deploys, settings.window_us)
    undone_by: dict[str, list[Deploy]] = defaultdict(list)
    for deploy in history.deploys:
        if deploy.id in undone:
            undone_by[undone[deploy.id].id].append(deploy)
    deploys = tuple(
        DeployFacts(
            deploy,
            new[deploy.id],
            tuple(attributed.get(deploy.id, ())),
            tuple(undone_by.get(deploy.id, ())),
            first_outage(incident.occurrence for incident in attributed.get(deploy.id, ())),
        )
        for deploy in history.deploys
    )
    return Facts(deploys, incidents, undone)


def undone_deploys(deploys: Iterable[Deploy], window: int) -> dict[str, Deploy]:
    """Return the deploy that each rollback undoes, by the rollback's id; *deploys* are in order."""
    latest: dict[Place, Deploy] = {}
    undone = {}
    for deploy in deploys:
        if deploy.type != ROLLBACK:
            latest[deploy.place] = deploy
        elif (before := latest.get(deploy.place)) is not None and deploy.at - before.at < window:
            undone[deploy.id] = before
    return undone


def first_outage(spans: Iterable[OccurrenceSpan]) -> Outage | None:
    """Return the first outage of a deploy, from the spans of its incidents in any order.

    It lasts from the first start to the first time at which no incident is open. Incidents that were
    merged into others do not count; if none is left, there is no outage.
    """
    counted = sorted((span for span in spans if not span.merged), key=lambda span: span.began_at)
    if not counted:
        return None
    began_at, until = counted[0].began_at, counted[0].began_at
    for span in counted:
        if span.began_at > until:  # incidents that touch are one outage
            break
        if span.ended_at is None:
            return Outage(began_at, None)
        until = max(until, span.ended_at)
    return Outage(began_at, until - began_at)
