"""Why an event counts, where and for what, or why not: a verdict for each figure it could have a part in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import singledispatchmethod
from typing import NamedTuple

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.figures import ancestry, lead_time, links, metrics
from gitdailies_webhooks.figures.events import HOTFIX, ROLLBACK, Deploy, End, History, Place, Start
from gitdailies_webhooks.figures.facts import DeployFacts, Facts, Incident
from gitdailies_webhooks.figures.incidents import contradicts
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings

ALL = "all"

# Why nothing of an event counts: the word, and what it says to a person.
LEFT_OUT = {
    "repository": "another repository than the one asked for",
    "environment": "another environment than the one asked for",
    "service": "it does not name the service asked for",
    "period": "outside the period",
    "later": "later than now, or than the moment asked for",
    "kind": "no figure counts events of this kind",
}
_UNKNOWN = {
    lead_time.NO_PREDECESSOR: "the first deploy here: what it brought cannot be told from what was there",
    lead_time.NO_COMMITS: "it says neither commits nor commitTime",
    ancestry.NOT_THERE: "the mirror of its repository lacks its commit: not fetched yet, or never pushed",
    ancestry.EARLIER_NOT_THERE: "the mirror lacks the commit of an earlier deploy, which may have brought it",
    ancestry.UNREADABLE: "the mirror of its repository cannot be read; the log of the server says why",
    ancestry.TOO_MANY: "too many commits lie between it and the deploy before it",
}
_NO_LINK = {
    links.NO_SUCH_COMMIT: "no deploy of its repository and environment is of the commit in causedBy",
    links.NO_DEPLOY: "no deploy of its repository, environment and service in the window before its start",
}


class Verdict(NamedTuple):
    """Whether an event has a part in a figure, a word for why, and the reason in a sentence."""

    figure: str
    counts: bool
    word: str
    reason: str


class Reasons:
    """The verdicts on every event of a history, for one question."""

    def __init__(self, history: History, facts: Facts, selection: Selection, settings: Settings) -> None:
        self._selection = selection
        self._window = settings.window_us
        self._undoes = facts.undone
        self._events = {
            event.id: event for events in (history.deploys, history.starts, history.ends) for event in events
        }
        self._deploys = {found.deploy.id: found for found in facts.deploys}
        self._opened = {incident.period.start.id: incident for incident in facts.incidents}
        self._row: dict[tuple[str, str], list[Incident]] = defaultdict(list)
        self._closed: dict[str, list[Incident]] = defaultdict(list)
        for incident in facts.incidents:
            period = incident.period
            self._row[period.place.repo, period.start.incident].append(incident)
            if period.end is not None:
                self._closed[period.end.id].append(incident)

    def of(self, id_: str) -> tuple[Verdict, ...]:
        """Return the verdicts on an event; one that the history does not hold is later than its moment."""
        event = self._events.get(id_)
        return (_none("later"),) if event is None else tuple(self._verdicts(event))

    @singledispatchmethod
    def _verdicts(self, event: Deploy | Start | End) -> Iterator[Verdict]:
        raise TypeError(f"event: expected one of a history, got {type(event).__name__}")

    @_verdicts.register
    def _of_deploy(self, deploy: Deploy) -> Iterator[Verdict]:
        if left_out := self._left_out(deploy.place, deploy.at):
            yield _none(left_out)
            return
        facts = self._deploys[deploy.id]
        yield Verdict(metrics.FREQUENCY, True, "counted", "a deploy in the period")
        yield _lead_time(facts)
        yield self._failed(facts)
        yield _recovery(facts)
        yield self._rework(deploy)

    @_verdicts.register
    def _of_start(self, start: Start) -> Iterator[Verdict]:
        incident = self._opened.get(start.id)
        if incident is not None:
            yield from self._of_incident(incident)
            return
        before = [
            other.period
            for other in self._row[start.place.repo, start.incident]
            if other.period.place == start.place and other.period.began_at <= start.at
        ]
        since = _said(before[-1].began_at) if before else "an earlier start"
        yield Verdict(ALL, False, "duplicate", f"the incident was open already, since {since}")

    def _of_incident(self, incident: Incident) -> Iterator[Verdict]:
        period, (deploy, how) = incident
        left_out = self._left_out(period.place, period.began_at)
        if deploy is None:
            why = "unlinked" if how == links.NO_SUCH_COMMIT else "window"
            if left_out:
                yield _none(left_out)
            else:
                yield Verdict(metrics.FAIL_RATE, False, why, f"unlinked: {_NO_LINK[how]}")
            return
        how_found = "named by causedBy" if how == links.BY_CAUSE else "the latest in the window"
        found = f"deploy {deploy.id} of {_said(deploy.at)}, {how_found}"
        if deploy_out := self._left_out(deploy.place, deploy.at):
            reason = f"laid to {found}, which is left out: {LEFT_OUT[deploy_out]}"
            yield Verdict(ALL, False, deploy_out, reason)
            return
        yield Verdict(metrics.FAIL_RATE, True, "failed", f"laid to {found}, which failed by it")
        yield _part_in_outage(incident, self._deploys[deploy.id])

    @_verdicts.register
    def _of_end(self, end: End) -> Iterator[Verdict]:
        for incident in self._closed.get(end.id, ()):
            period, deploy = incident.period, incident.link.deploy
            since = f"ends the incident that started {_said(period.began_at)}"
            if deploy is None and (left_out := self._left_out(period.place, period.began_at)):
                yield Verdict(ALL, False, left_out, f"{since}, which is left out: {LEFT_OUT[left_out]}")
            elif deploy is None:
                yield Verdict(metrics.RECOVERY, False, "unlinked", f"{since}, which is laid to no deploy")
            elif deploy_out := self._left_out(deploy.place, deploy.at):
                reason = f"{since}, laid to deploy {deploy.id}, which is left out: {LEFT_OUT[deploy_out]}"
                yield Verdict(ALL, False, deploy_out, reason)
            else:
                part = _part_in_outage(incident, self._deploys[deploy.id])
                yield part._replace(reason=f"{since}: {part.reason}")
        if end.id not in self._closed:
            yield self._did_nothing(end)

    def _did_nothing(self, end: End) -> Verdict:
        known = [incident.period for incident in self._row.get((end.repo, end.incident), ())]
        meant = [period for period in known if not contradicts(end, period.place)]
        if any(period.began_at <= end.at for period in meant):
            return Verdict(ALL, False, "duplicate", "the incident was over already")
        if meant:
            return Verdict(ALL, False, "nothing-happened", "it comes before the incident's start")
        other = "the incident started in another environment or service than the one it names"
        return Verdict(ALL, False, "nothing-happened", other if known else "no start of it is here")

    def _failed(self, facts: DeployFacts) -> Verdict:
        deploy = facts.deploy
        if facts.incidents:
            names = ", ".join(dict.fromkeys(i.period.start.incident for i in facts.incidents))
            return Verdict(metrics.FAIL_RATE, True, "failed", f"failed by incident {names}")
        if facts.undone_by:
            return Verdict(metrics.FAIL_RATE, True, "failed", f"undone by rollback {facts.undone_by[0].id}")
        if deploy.at > self._selection.span.now - self._window:
            until = _said(deploy.at + self._window)
            return Verdict(
                metrics.FAIL_RATE, False, "pending", f"it may still fail: outside the rate until {until}"
            )
        return Verdict(
            metrics.FAIL_RATE, True, "succeeded", "neither an incident nor a rollback is laid to it"
        )

    def _rework(self, deploy: Deploy) -> Verdict:
        if deploy.type == ROLLBACK:
            before = self._undoes.get(deploy.id)
            undid = f"undoes deploy {before.id}" if before else "no deploy within the window for it to undo"
            return Verdict(metrics.REWORK, True, "rework", f"a rollback: {undid}")
        if deploy.type == HOTFIX:
            return Verdict(metrics.REWORK, True, "rework", "a hotfix")
        if deploy.fixes is not None:
            return Verdict(metrics.REWORK, True, "rework", f"it fixes incident {deploy.fixes}")
        return Verdict(metrics.REWORK, True, "planned", "counted in the denominator alone")

    def _left_out(self, place: Place, at: int) -> str:
        return self._selection.elsewhere(place) or ("" if at in self._selection.span else "period")


def _lead_time(facts: DeployFacts) -> Verdict:
    brought = facts.brought
    if brought.unknown:
        return Verdict(metrics.LEAD_TIME, False, brought.unknown, f"unknown: {_UNKNOWN[brought.unknown]}")
    if not brought.commits:
        return Verdict(metrics.LEAD_TIME, False, "nothing-new", "it brought no commit for the first time")
    counted, left = len(brought.leads), brought.unknown_commits
    reason = f"{counted} new commits with a lead time" if counted != 1 else "1 new commit with a lead time"
    if left:
        reason += f", {left} without: no commit time, or one after the deploy"
    return Verdict(metrics.LEAD_TIME, counted > 0, "counted" if counted else "unknown-commits", reason)


def _recovery(facts: DeployFacts) -> Verdict:
    if not facts.failed:
        return Verdict(metrics.RECOVERY, False, "not-failed", "it did not fail")
    if facts.outage is None:
        why = "every incident of it was merged away" if facts.incidents else "failed by rollback alone"
        return Verdict(metrics.RECOVERY, False, "without-incident", f"without incident: {why}")
    if facts.outage.us is None:
        return Verdict(metrics.RECOVERY, False, "open", f"open since {_said(facts.outage.began_at)}")
    seconds = facts.outage.us / 1_000_000
    return Verdict(metrics.RECOVERY, True, "recovered", f"{seconds:g} s, from {_said(facts.outage.began_at)}")


def _part_in_outage(incident: Incident, facts: DeployFacts) -> Verdict:
    period, outage = incident.period, facts.outage
    if period.merged:
        return Verdict(metrics.RECOVERY, False, "merged", "merged into another incident: no time of its own")
    if outage is None or outage.us is None:
        return Verdict(metrics.RECOVERY, False, "open", f"deploy {facts.deploy.id} is not recovered yet")
    if period.began_at > outage.began_at + outage.us:
        reason = f"only the first outage of deploy {facts.deploy.id} is timed, and that was over"
        return Verdict(metrics.RECOVERY, False, "later-outage", reason)
    reason = f"part of the outage of deploy {facts.deploy.id}, {outage.us / 1_000_000:g} s"
    return Verdict(metrics.RECOVERY, True, "recovered", reason)


def _none(word: str) -> Verdict:
    return Verdict(ALL, False, word, LEFT_OUT[word])


def _said(at: int) -> str:
    return text_of(from_us(at))
