"""Why an event counts in a figure, or why not: one verdict for each figure that the event concerns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import singledispatchmethod
from typing import NamedTuple

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.figures import ancestry, incidents, lead_time, metrics
from gitdailies_webhooks.figures.events import HOTFIX, ROLLBACK, Deploy, End, History, Place, Start
from gitdailies_webhooks.figures.facts import DeployFacts, Facts
from gitdailies_webhooks.figures.incidents import Incident, contradicts
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import FigureSettings

# The figure of a verdict that is about every figure.
ALL = "all"

# Why an event counts in no figure: the word, and the sentence for people.
LEFT_OUT = {
    "repository": "its repository is not the one asked for",
    "environment": "its environment is not the one asked for",
    "service": "it does not name the service asked for",
    "period": "outside the period",
    "later": "later than now, or than the moment asked for",
    "kind": "no figure counts events of this kind",
}
_UNKNOWN = {
    lead_time.NO_PREDECESSOR: "the first deploy here: there is no earlier one to compare its commits with",
    lead_time.NO_COMMITS: "it says neither commits nor commitTime",
    ancestry.NOT_IN_MIRROR: "the mirror of its repository lacks its commit: not fetched yet, or never pushed",
    ancestry.EARLIER_NOT_IN_MIRROR: (
        "the mirror lacks the commit of an earlier deploy, which may have brought it"
    ),
    ancestry.UNREADABLE: "the mirror of its repository cannot be read; the log of the server says why",
    ancestry.TOO_MANY: "too many commits lie between it and the deploy before it",
}
_NO_LINK = {
    incidents.NO_SUCH_COMMIT: "no deploy of its repository and environment has the commit in causedBy",
    incidents.NO_DEPLOY: (
        "no deploy of its repository, environment and service in the window before its start"
    ),
}


class Verdict(NamedTuple):
    """Whether an event counts in a figure, a word for the reason, and the reason as a sentence."""

    figure: str
    counts: bool
    word: str
    reason: str


class Reasons:
    """The verdicts on every event of a history, for one selection."""

    def __init__(
        self, history: History, facts: Facts, selection: Selection, settings: FigureSettings
    ) -> None:
        self._selection = selection
        self._window = settings.window_us
        self._undone = facts.undone
        self._events = {
            event.id: event for events in (history.deploys, history.starts, history.ends) for event in events
        }
        self._deploys = {found.deploy.id: found for found in facts.deploys}
        self._by_start = {incident.occurrence.start.id: incident for incident in facts.incidents}
        self._by_incident: dict[tuple[str, str], list[Incident]] = defaultdict(list)
        self._by_end: dict[str, list[Incident]] = defaultdict(list)
        for incident in facts.incidents:
            occurrence = incident.occurrence
            self._by_incident[occurrence.place.repo, occurrence.start.incident].append(incident)
            if occurrence.end is not None:
                self._by_end[occurrence.end.id].append(incident)

    def of(self, id_: str) -> tuple[Verdict, ...]:
        """Return the verdicts on an event; one that the history lacks is later than its moment."""
        event = self._events.get(id_)
        return (_left_out("later"),) if event is None else tuple(self._verdicts(event))

    @singledispatchmethod
    def _verdicts(self, event: Deploy | Start | End) -> Iterator[Verdict]:
        raise TypeError(f"event: expected one of a history, got {type(event).__name__}")

    @_verdicts.register
    def _of_deploy(self, deploy: Deploy) -> Iterator[Verdict]:
        if mismatch := self._mismatch(deploy.place, deploy.at):
            yield _left_out(mismatch)
            return
        facts = self._deploys[deploy.id]
        yield Verdict(metrics.FREQUENCY, True, "counted", "a deploy in the period")
        yield _lead_time(facts)
        yield self._fail_rate(facts)
        yield _recovery(facts)
        yield self._rework(deploy)

    @_verdicts.register
    def _of_start(self, start: Start) -> Iterator[Verdict]:
        incident = self._by_start.get(start.id)
        if incident is not None:
            yield from self._of_incident(incident)
            return
        before = [
            other.occurrence
            for other in self._by_incident[start.place.repo, start.incident]
            if other.occurrence.place == start.place and other.occurrence.began_at <= start.at
        ]
        since = _text(before[-1].began_at) if before else "an earlier start"
        yield Verdict(ALL, False, "duplicate", f"the incident was open already, since {since}")

    def _of_incident(self, incident: Incident) -> Iterator[Verdict]:
        occurrence, (deploy, how) = incident
        if deploy is None:
            if mismatch := self._mismatch(occurrence.place, occurrence.began_at):
                yield _left_out(mismatch)
            else:
                word = "unlinked" if how == incidents.NO_SUCH_COMMIT else "window"
                yield Verdict(metrics.FAIL_RATE, False, word, f"unlinked: {_NO_LINK[how]}")
            return
        found_by = "named by causedBy" if how == incidents.BY_CAUSE else "the latest in the window"
        to_deploy = f"attributed to deploy {deploy.id} of {_text(deploy.at)}, {found_by}"
        if mismatch := self._mismatch(deploy.place, deploy.at):
            reason = f"{to_deploy}, which is left out: {LEFT_OUT[mismatch]}"
            yield Verdict(ALL, False, mismatch, reason)
            return
        yield Verdict(metrics.FAIL_RATE, True, "failed", f"{to_deploy}, which failed by it")
        yield _part_in_outage(incident, self._deploys[deploy.id])

    @_verdicts.register
    def _of_end(self, end: End) -> Iterator[Verdict]:
        for incident in self._by_end.get(end.id, ()):
            yield self._of_ended(incident)
        if end.id not in self._by_end:
            yield self._without_effect(end)

    def _of_ended(self, incident: Incident) -> Verdict:
        occurrence, deploy = incident.occurrence, incident.link.deploy
        ends = f"ends the incident that started {_text(occurrence.began_at)}"
        if deploy is None:
            if mismatch := self._mismatch(occurrence.place, occurrence.began_at):
                return Verdict(ALL, False, mismatch, f"{ends}, which is left out: {LEFT_OUT[mismatch]}")
            return Verdict(metrics.RECOVERY, False, "unlinked", f"{ends}, which is attributed to no deploy")
        if mismatch := self._mismatch(deploy.place, deploy.at):
            reason = f"{ends}, attributed to deploy {deploy.id}, which is left out: {LEFT_OUT[mismatch]}"
            return Verdict(ALL, False, mismatch, reason)
        part = _part_in_outage(incident, self._deploys[deploy.id])
        return part._replace(reason=f"{ends}: {part.reason}")

    def _without_effect(self, end: End) -> Verdict:
        known = [incident.occurrence for incident in self._by_incident.get((end.repo, end.incident), ())]
        candidates = [occurrence for occurrence in known if not contradicts(end, occurrence.place)]
        if any(occurrence.began_at <= end.at for occurrence in candidates):
            return Verdict(ALL, False, "duplicate", "the incident was over already")
        if candidates:
            return Verdict(ALL, False, "nothing-happened", "it comes before the incident's start")
        other = "the incident started in another environment or service than the one it names"
        return Verdict(ALL, False, "nothing-happened", other if known else "no start of it is here")

    def _fail_rate(self, facts: DeployFacts) -> Verdict:
        deploy = facts.deploy
        if facts.incidents:
            names = ", ".join(dict.fromkeys(i.occurrence.start.incident for i in facts.incidents))
            return Verdict(metrics.FAIL_RATE, True, "failed", f"failed by incident {names}")
        if facts.undone_by:
            return Verdict(metrics.FAIL_RATE, True, "failed", f"undone by rollback {facts.undone_by[0].id}")
        if deploy.at > self._selection.period.now - self._window:
            until = _text(deploy.at + self._window)
            reason = f"it may still fail: outside the rate until {until}"
            return Verdict(metrics.FAIL_RATE, False, "pending", reason)
        reason = "neither an incident nor a rollback made it fail"
        return Verdict(metrics.FAIL_RATE, True, "succeeded", reason)

    def _rework(self, deploy: Deploy) -> Verdict:
        if deploy.type == ROLLBACK:
            before = self._undone.get(deploy.id)
            undoes = f"undoes deploy {before.id}" if before else "no deploy within the window for it to undo"
            return Verdict(metrics.REWORK, True, "rework", f"a rollback: {undoes}")
        if deploy.type == HOTFIX:
            return Verdict(metrics.REWORK, True, "rework", "a hotfix")
        if deploy.fixes is not None:
            return Verdict(metrics.REWORK, True, "rework", f"it fixes incident {deploy.fixes}")
        return Verdict(metrics.REWORK, True, "planned", "counted in the denominator alone")

    def _mismatch(self, place: Place, at: int) -> str:
        return self._selection.mismatch(place) or ("" if at in self._selection.period else "period")


def _lead_time(facts: DeployFacts) -> Verdict:
    new = facts.new
    if new.unknown:
        return Verdict(metrics.LEAD_TIME, False, new.unknown, f"unknown: {_UNKNOWN[new.unknown]}")
    if not new.commits:
        return Verdict(metrics.LEAD_TIME, False, "nothing-new", "it brought no new commit")
    counted, without = len(new.lead_times), new.unknown_commits
    reason = f"{counted} new commits with a lead time" if counted != 1 else "1 new commit with a lead time"
    if without:
        reason += f", {without} without: no commit time, or one after the deploy"
    return Verdict(metrics.LEAD_TIME, counted > 0, "counted" if counted else "unknown-commits", reason)


def _recovery(facts: DeployFacts) -> Verdict:
    if not facts.failed:
        return Verdict(metrics.RECOVERY, False, "not-failed", "it did not fail")
    outage = facts.outage
    if outage is None:
        why = "every incident of it was merged away" if facts.incidents else "failed by rollback alone"
        return Verdict(metrics.RECOVERY, False, "without-incident", f"without incident: {why}")
    if outage.duration_us is None:
        return Verdict(metrics.RECOVERY, False, "open", f"open since {_text(outage.began_at)}")
    reason = f"{outage.duration_us / 1_000_000:g} s, from {_text(outage.began_at)}"
    return Verdict(metrics.RECOVERY, True, "recovered", reason)


def _part_in_outage(incident: Incident, facts: DeployFacts) -> Verdict:
    occurrence, outage = incident.occurrence, facts.outage
    if occurrence.merged:
        return Verdict(metrics.RECOVERY, False, "merged", "merged into another incident: no time of its own")
    if outage is None or outage.duration_us is None:
        return Verdict(metrics.RECOVERY, False, "open", f"deploy {facts.deploy.id} is not recovered yet")
    if occurrence.began_at > outage.began_at + outage.duration_us:
        reason = f"only the first outage of deploy {facts.deploy.id} is timed, and that was over"
        return Verdict(metrics.RECOVERY, False, "later-outage", reason)
    reason = f"part of the outage of deploy {facts.deploy.id}, {outage.duration_us / 1_000_000:g} s"
    return Verdict(metrics.RECOVERY, True, "recovered", reason)


def _left_out(word: str) -> Verdict:
    return Verdict(ALL, False, word, LEFT_OUT[word])


def _text(at: int) -> str:
    return text_of(from_us(at))
