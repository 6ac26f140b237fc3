"""All that figures and reasons need to know of a history, derived from it in one go."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from gitdailies_webhooks.figures.events import Deploy, History
from gitdailies_webhooks.figures.failures import Outage, outage, undone
from gitdailies_webhooks.figures.incidents import Period, periods
from gitdailies_webhooks.figures.lead_time import Brought, brought
from gitdailies_webhooks.figures.links import Link, Links
from gitdailies_webhooks.figures.settings import Settings


class Incident(NamedTuple):
    """A period and the deploy that it is laid to."""

    period: Period
    link: Link


class DeployFacts(NamedTuple):
    """A deploy, what it brought, and what came of it."""

    deploy: Deploy
    brought: Brought
    incidents: tuple[Incident, ...]
    undone_by: tuple[Deploy, ...]
    outage: Outage | None

    @property
    def failed(self) -> bool:
        return bool(self.incidents or self.undone_by)


class Facts(NamedTuple):
    """Deploys in order, incidents by row and order, and the deploy that each rollback undoes."""

    deploys: tuple[DeployFacts, ...]
    incidents: tuple[Incident, ...]
    undone: dict[str, Deploy]


def derive(history: History, settings: Settings) -> Facts:
    """Derive the facts of a history: links are made over all of its events."""
    lead = brought(history.deploys)
    links = Links(history.deploys, lead, settings.window_us)
    incidents = tuple(Incident(p, links.of(p)) for p in periods(history.starts, history.ends))
    laid_to: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.link.deploy is not None:
            laid_to[incident.link.deploy.id].append(incident)
    undoes = undone(history.deploys, settings.window_us)
    undone_by: dict[str, list[Deploy]] = defaultdict(list)
    for deploy in history.deploys:
        if deploy.id in undoes:
            undone_by[undoes[deploy.id].id].append(deploy)
    deploys = tuple(
        DeployFacts(
            deploy,
            lead[deploy.id],
            tuple(laid_to.get(deploy.id, ())),
            tuple(undone_by.get(deploy.id, ())),
            outage(incident.period for incident in laid_to.get(deploy.id, ())),
        )
        for deploy in history.deploys
    )
    return Facts(deploys, incidents, undoes)
