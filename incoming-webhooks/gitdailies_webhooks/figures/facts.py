"""What figures and reasons need to know about a history: the facts of each deploy and each incident.

A deploy failed if an incident is attributed to it, or if a later deploy remedied it. Its recovery is timed
by its first outage; without an incident, by its first remedy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gitdailies_webhooks.figures.events import Deploy, History
from gitdailies_webhooks.figures.incidents import Incident, Linker, occurrences
from gitdailies_webhooks.figures.lead_time import NewCommits, new_commits
from gitdailies_webhooks.figures.remedies import Remedy, remedies
from gitdailies_webhooks.figures.repeats import Repeat, classify
from gitdailies_webhooks.figures.settings import FigureSettings


class Outage(NamedTuple):
    """An outage of a deploy; `duration_us` is None while it lasts."""

    began_at: int
    duration_us: int | None


class DeployFacts(NamedTuple):
    """A counting deploy, its new commits, and how it failed.

    `incidents` are those that are attributed to it, and `remedied_by` the later deploys that remedied it,
    in order. `outage` is its first one; None if no incident times it.
    """

    deploy: Deploy
    new: NewCommits
    incidents: tuple[Incident, ...]
    remedied_by: tuple[Deploy, ...]
    outage: Outage | None

    @property
    def failed(self) -> bool:
        return bool(self.incidents or self.remedied_by)

    @property
    def remedied_after_us(self) -> int | None:
        """The time from the deploy to its first remedy, if no incident times its recovery, else None."""
        if self.outage is not None or not self.remedied_by:
            return None
        return self.remedied_by[0].at - self.deploy.at


class Facts(NamedTuple):
    """Counting deploys and incidents in order, and two tables by the id of a deploy.

    `remedied` is what each deploy remedies. `repeats` are the deploys that only repeat another.
    """

    deploys: tuple[DeployFacts, ...]
    incidents: tuple[Incident, ...]
    remedied: dict[str, tuple[Remedy, ...]]
    repeats: dict[str, Repeat]


class OccurrenceSpan(Protocol):
    """The span of an occurrence, from which outages are made."""

    @property
    def began_at(self) -> int: ...
    @property
    def ended_at(self) -> int | None: ...
    @property
    def merged(self) -> bool: ...


def derive(history: History, settings: FigureSettings) -> Facts:
    """Derive the facts of a history. Everything is found over all of its events, not over a period."""
    counting, repeats = classify(history.deploys, settings)
    new = new_commits(counting)
    linker = Linker(counting, new, settings.window_us)
    found = occurrences(history.starts, history.ends)
    incidents = tuple(
        Incident(occurrence, linker.link(occurrence))
        for occurrence in sorted(found, key=lambda one: (one.began_at, one.start.id))
    )
    attributed: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.link.deploy is not None:
            attributed[incident.link.deploy.id].append(incident)
    remedied = remedies(counting, new, settings.window_us)
    remedied_by: dict[str, list[Deploy]] = defaultdict(list)
    for deploy in counting:
        for remedy in remedied.get(deploy.id, ()):
            remedied_by[remedy.deploy.id].append(deploy)
    deploys = tuple(
        DeployFacts(
            deploy,
            new[deploy.id],
            tuple(attributed.get(deploy.id, ())),
            tuple(remedied_by.get(deploy.id, ())),
            first_outage(incident.occurrence for incident in attributed.get(deploy.id, ())),
        )
        for deploy in counting
    )
    return Facts(deploys, incidents, remedied, repeats)


def first_outage(spans: Iterable[OccurrenceSpan]) -> Outage | None:
    """Return the first outage of a deploy, from the spans of its incidents in any order.

    It lasts from the first start to the first time at which no incident is open. Incidents that ended
    without a recovery of their own do not count; if none is left, there is no outage.
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
