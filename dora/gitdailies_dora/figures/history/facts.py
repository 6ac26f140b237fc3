"""What figures and reasons need to know about a history: the facts of each deploy and each incident.

A deploy failed if an incident is attributed to it, or if a later deploy remedied it, unless a correction
says otherwise. Its *evidence* is the first that fits:

| evidence | a failed deploy |
| --- | --- |
| `corrected` | a person says that it failed, or that it caused an incident |
| `named` | an incident names its commit |
| `remedied` | a later deploy remedied it |
| `time` | an incident came within the window after it, and nothing else says so |

Its recovery is timed by its first outage; without an incident, by its first remedy.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from gitdailies_dora.figures.history import corrections
from gitdailies_dora.figures.history.events import Deploy, History
from gitdailies_dora.figures.history.incidents import (
    BY_CAUSE,
    BY_HAND,
    Incident,
    Linker,
    Occurrence,
    occurrences,
)
from gitdailies_dora.figures.history.lead_time import NewCommits, Order, new_commits, several_services
from gitdailies_dora.figures.history.remedies import PLANNED, Remedy, fixes_forward, remedies, rework_of
from gitdailies_dora.figures.history.repeats import Repeat, classify_history
from gitdailies_dora.figures.history.settings import FigureSettings

CORRECTED, NAMED, REMEDIED, TIME = "corrected", "named", "remedied", "time"
# In the order of answers.
EVIDENCE = (NAMED, CORRECTED, REMEDIED, TIME)


class Outage(NamedTuple):
    """An outage of a deploy; `duration_us` is None while it lasts."""

    began_at: int
    duration_us: int | None


class DeployFacts(NamedTuple):
    """A counting deploy, its new commits, and how it failed.

    `incidents` are those that are attributed to it, and `remedied_by` the later deploys that remedied it,
    in order. `outage` is its first one; None if no incident times it. `judged` is what a correction says,
    failed or not-failed, or "". `rework` is what `rework_of` says, and `fixed` the incident that it seems to
    have fixed forward. With `by_evidence`, time alone makes no failure.
    """

    deploy: Deploy
    new: NewCommits
    incidents: tuple[Incident, ...]
    remedied_by: tuple[Deploy, ...]
    outage: Outage | None
    judged: str = ""
    rework: int = PLANNED
    fixed: Incident | None = None
    by_evidence: bool = False

    @property
    def evidence(self) -> str:
        """Why it counts as failed; "" if it does not."""
        hows = {incident.link.how for incident in self.incidents}
        remedied = bool(self.remedied_by)
        return evidence_of(self.judged, hows, remedied=remedied, by_evidence=self.by_evidence)

    @property
    def failed(self) -> bool:
        return bool(self.evidence)

    @property
    def remedied_after_us(self) -> int | None:
        """The time from the deploy to its first remedy, if no incident times its recovery, else None."""
        if self.outage is not None or not self.remedied_by or not self.failed:
            return None
        return self.remedied_by[0].at - self.deploy.at


class Facts(NamedTuple):
    """Counting deploys and incidents in order, and two tables by the id of a deploy.

    `remedied` is what each deploy remedies. `repeats` are the deploys that only repeat another. `dismissed`
    are occurrences that are no incidents, as corrections say. `several_from` is what `several_services`
    returns.
    """

    deploys: tuple[DeployFacts, ...]
    incidents: tuple[Incident, ...]
    remedied: dict[str, tuple[Remedy, ...]]
    repeats: dict[str, Repeat]
    dismissed: tuple[Occurrence, ...] = ()
    several_from: Mapping[str, Order] = MappingProxyType({})


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
    counting, repeats = classify_history(history, settings)
    others = [one.deploy for one in repeats.values()]
    several = several_services((*counting, *others))
    new = new_commits(counting, several)
    given = history.corrections
    linker = Linker(counting, new, settings.window_us, given, others)
    found = sorted(occurrences(history.starts, history.ends), key=lambda one: (one.began_at, one.start.id))
    dismissed = tuple(
        one for one in found if corrections.says(given, one.start.id, corrections.NOT_AN_INCIDENT)
    )
    left_out = {one.start.id for one in dismissed}
    incidents = tuple(Incident(one, linker.link(one)) for one in found if one.start.id not in left_out)
    attributed: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if incident.link.deploy is not None:
            attributed[incident.link.deploy.id].append(incident)
    remedied = remedies(counting, new, settings.window_us)
    rework = {
        deploy.id: rework_of(
            deploy,
            any(remedy.reverts for remedy in remedied.get(deploy.id, ())),
            corrections.rework(given, deploy.id),
        )
        for deploy in counting
    }
    fixed = fixes_forward(counting, incidents, rework)
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
            first_outage_of(attributed.get(deploy.id, ()), corrections.outcome(given, deploy.id)),
            corrections.outcome(given, deploy.id),
            rework[deploy.id],
            fixed.get(deploy.id),
            settings.by_evidence,
        )
        for deploy in counting
    )
    return Facts(deploys, incidents, remedied, repeats, dismissed, several)


def evidence_of(judged: str, hows: Collection[str], *, remedied: bool, by_evidence: bool = False) -> str:
    """Return why a deploy counts as failed, "" if it does not.

    *judged* is what a correction says, and *hows* are the ways in which incidents are attributed to it. With
    *by_evidence*, time alone is none.
    """
    if judged == corrections.NOT_FAILED:
        return ""
    if judged or BY_HAND in hows:
        return CORRECTED
    if BY_CAUSE in hows:
        return NAMED
    if remedied:
        return REMEDIED
    return TIME if hows and not by_evidence else ""


def first_outage_of(incidents: Iterable[Incident], judged: str) -> Outage | None:
    """Return the first outage of a deploy; none if a correction (*judged*) says that it did not fail."""
    if judged == corrections.NOT_FAILED:
        return None
    return first_outage(incident.occurrence for incident in incidents)


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
