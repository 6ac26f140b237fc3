"""Why an event counts in a figure, or why not: one verdict for each figure that the event concerns."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import singledispatchmethod
from typing import Any, NamedTuple

from gitdailies_core.values.deploy_target import EXAMPLE, DeployTarget
from gitdailies_server.storage.timestamps import text_of_us

from gitdailies_dora.figures.answers import numbers
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history import ancestry, incidents, lead_time, repeats
from gitdailies_dora.figures.history.events import HOTFIX, ROLLBACK, Deploy, End, History, Start
from gitdailies_dora.figures.history.facts import TIME, DeployFacts, Facts
from gitdailies_dora.figures.history.incidents import Incident, Occurrence, contradicts
from gitdailies_dora.figures.history.remedies import NOT_REWORK, REWORK, Remedy
from gitdailies_dora.figures.history.repeats import Repeat
from gitdailies_dora.figures.history.settings import PRODUCTION, WIDE_WINDOW_US, FigureSettings
from gitdailies_dora.figures.words.durations import duration

# The figure of a verdict that is about every figure.
ALL = "all"

# Why an event counts in no figure: the word, and the sentence for people.
LEFT_OUT = {
    "repository": "its repository is not the one asked for",
    "environment": "its environment is not the one asked for",
    "service": "it does not name the service asked for",
    "team": "its repository or service is not of the team asked for",
    "period": "outside the period",
    "later": "later than now, or than the moment asked for",
    "kind": "no figure counts events of this kind",
}
UNKNOWN = {
    lead_time.NO_PREDECESSOR: "it is the first deploy here, so there is nothing to compare its commits with",
    lead_time.NO_COMMITS: "it says neither commits nor commitTime",
    lead_time.EARLIER_LISTS_NONE: (
        "no commit of its list was here: the deploy before it listed none, or the list does not reach back"
    ),
    lead_time.NO_PATHS: (
        "deploys of its repository name several services, and git alone cannot tell whose commits these are"
    ),
    lead_time.LIST_CUT: "its list has new merges alone, and lacks commits that they merged",
    ancestry.NOT_IN_MIRROR: "the mirror of its repository lacks its commit: not fetched yet, or never pushed",
    ancestry.EARLIER_NOT_IN_MIRROR: (
        "the mirror lacks the commit of an earlier deploy, which may have brought it"
    ),
    ancestry.UNREADABLE: "the mirror of its repository cannot be read; the log of the server says why",
    ancestry.TOO_MANY: "too many commits lie between it and the deploy before it",
}
# Why a deploy is a repeat, by the rule.
_REPEAT = {
    repeats.SAME_COMMIT: "its commit counted here already",
    repeats.SAME_RUN: "the same commit in the same run and attempt",
    repeats.LATER_WAVE: "a later wave of a commit that counted here, to another environment of this target",
    repeats.OTHER_REPORTER: "another report of the same commit within an hour",
}


# What a line of `services` does. An event does not know which line, by an id or a name, it took.
WOULD_TELL = (
    "would tell of later incidents (if a line with its name or id gave it this service, correct that line); "
    "for an earlier one, choose the deploy on its page"
)
# The place of a service's name, which gitdailies.yml refuses.
_PLACE = "SERVICE"
# How a deploy was found, by the word of the link.
_FOUND_BY = {incidents.BY_CAUSE: "named by causedBy", incidents.BY_HAND: "named by a correction"}
# The word of an incident that is attributed to no deploy, and the reason, by the word of the link.
_UNLINKED = {
    incidents.NO_SUCH_COMMIT: "unlinked",
    incidents.NO_SUCH_DEPLOY: "unlinked",
    incidents.NO_CAUSE: "no-cause",
}
_WHY_UNLINKED = {
    incidents.NO_SUCH_COMMIT: "no deploy of its repository and environment has the commit in causedBy",
    incidents.NO_SUCH_DEPLOY: "the deploy that a correction names is not here, or does not count there",
    incidents.NO_CAUSE: "no deploy caused it, as a correction or its causedBy says",
}


class Verdict(NamedTuple):
    """Whether an event counts in a figure, a word for the reason, and the reason as a sentence.

    `evidence` says why a deploy counts as failed, "" if it does not.
    """

    figure: str
    counts: bool
    word: str
    reason: str
    evidence: str = ""


_DISMISSED = Verdict(ALL, False, "not-an-incident", "a correction says that it is no incident")


class Reasons:
    """The verdicts on every event of a history, for one selection."""

    def __init__(
        self, history: History, facts: Facts, selection: Selection, settings: FigureSettings
    ) -> None:
        self._selection = selection
        self._settings = settings
        self._window = settings.window_us
        self._remedied = facts.remedied
        self._repeats = facts.repeats
        self._several_from = facts.several_from
        self._events = {
            event.id: event for events in (history.deploys, history.starts, history.ends) for event in events
        }
        self._deploys = {found.deploy.id: found for found in facts.deploys}
        self._by_start = {incident.occurrence.start.id: incident for incident in facts.incidents}
        self._dismissed = {occurrence.start.id: occurrence for occurrence in facts.dismissed}
        self._dismissed_by_end = {
            occurrence.end.id for occurrence in facts.dismissed if occurrence.end is not None
        }
        self._by_incident: dict[tuple[str, str], list[Occurrence]] = defaultdict(list)
        self._by_end: dict[str, list[Incident]] = defaultdict(list)
        known = [*(incident.occurrence for incident in facts.incidents), *facts.dismissed]
        for occurrence in sorted(known, key=lambda one: (one.began_at, one.start.id)):
            self._by_incident[occurrence.target.repo, occurrence.start.incident].append(occurrence)
        for incident in facts.incidents:
            occurrence = incident.occurrence
            if occurrence.end is not None:
                self._by_end[occurrence.end.id].append(incident)

    def of(self, id_: str) -> tuple[Verdict, ...]:
        """Return the verdicts on an event; one that the history lacks is later than its moment."""
        event = self._events.get(id_)
        later = Verdict(ALL, False, "later", LEFT_OUT["later"])
        return (later,) if event is None else tuple(self._verdicts(event))

    @singledispatchmethod
    def _verdicts(self, event: Deploy | Start | End) -> Iterator[Verdict]:
        raise TypeError(f"event: expected one of a history, got {type(event).__name__}")

    @_verdicts.register
    def _of_deploy(self, deploy: Deploy) -> Iterator[Verdict]:
        repeat = self._repeats.get(deploy.id)
        # Its service may be that of another report.
        counted = self._deploys[deploy.id].deploy if repeat is None else repeat.deploy
        if mismatch := self._mismatch(counted.target, deploy.at):
            yield self._left_out(mismatch, counted.target)
            return
        if repeat is not None:
            yield _repeat(repeat)
            return
        facts = self._deploys[deploy.id]
        yield Verdict(numbers.FREQUENCY, True, "counted", "one deploy")
        yield _lead_time(facts, several=lead_time.is_several(facts.deploy, self._several_from))
        yield self._fail_rate(facts)._replace(evidence=facts.evidence)
        yield self._recovery(facts)
        yield self._rework(facts)

    @_verdicts.register
    def _of_start(self, start: Start) -> Iterator[Verdict]:
        incident = self._by_start.get(start.id)
        if incident is not None:
            yield from self._of_incident(incident, start.sent)
            return
        if start.id in self._dismissed:
            yield _DISMISSED
            return
        before = [
            other
            for other in self._by_incident[start.target.repo, start.incident]
            if other.target == start.target and other.began_at <= start.at
        ]
        since = text_of_us(before[-1].began_at) if before else "an earlier start"
        yield Verdict(ALL, False, "duplicate", f"the incident was open already, since {since}")

    def _of_incident(self, incident: Incident, sent: DeployTarget) -> Iterator[Verdict]:
        occurrence, link = incident
        deploy = link.deploy
        if deploy is None:
            if mismatch := self._mismatch(occurrence.target, occurrence.began_at):
                yield self._left_out(mismatch, occurrence.target)
            else:
                word = _UNLINKED.get(link.how, "other-service" if link.other else "window")
                yield Verdict(numbers.FAIL_RATE, False, word, f"unlinked, since {self._no_link(incident)}")
            return
        found_by = _FOUND_BY.get(link.how, "the latest in the window")
        if link.services:
            line = service_line(sent, link.services)
            found_by += f" of any service, since no deploy there names its own: {line} {WOULD_TELL}"
        to_deploy = f"attributed to deploy {deploy.id} of {text_of_us(deploy.at)}, {found_by}"
        if mismatch := self._mismatch(deploy.target, deploy.at):
            reason = f"{to_deploy}, which is left out, since {self._reason(mismatch, deploy.target)}"
            yield Verdict(ALL, False, mismatch, reason)
            return
        if not self._deploys[deploy.id].failed:
            reason = f"{to_deploy}, which did not fail{_why_not(self._deploys[deploy.id])}"
            yield Verdict(numbers.FAIL_RATE, False, "not-failed", reason)
            return
        by_time = self._deploys[deploy.id].evidence == TIME
        reason = f"{to_deploy}, which {'may have failed because of it' if by_time else 'failed'}"
        if self._is_young(deploy):
            reason += f" and is outside the rate until {self._settled_at(deploy)}"
            yield Verdict(numbers.FAIL_RATE, False, "failed-pending", reason)
        else:
            yield Verdict(numbers.FAIL_RATE, True, "failed", reason)
        yield _part_in_outage(incident, self._deploys[deploy.id])

    def _no_link(self, incident: Incident) -> str:
        """Say why an incident is attributed to no deploy, and what 72 hours would give."""
        if incident.link.how in _WHY_UNLINKED:
            return _WHY_UNLINKED[incident.link.how]
        window, wide, other = _hours(self._window), incident.link.wide, incident.link.other
        target = "repository and environment" if other is None else "repository, environment and service"
        none = f"there is no deploy of its {target} in the {{}} before it"
        if other is not None:
            return (
                f"{none.format(window)}; the nearest one is deploy {other.id} of {text_of_us(other.at)}, of "
                f"the service {other.target.service}"
            )
        if self._window >= WIDE_WINDOW_US:
            return none.format(window)
        if wide is None:
            return f"{none.format(_hours(WIDE_WINDOW_US))} (the window is {window})"
        deploy = f"deploy {wide.id} of {text_of_us(wide.at)}"
        return f"{none.format(window)}; with 72 h it would be attributed to {deploy}"

    @_verdicts.register
    def _of_end(self, end: End) -> Iterator[Verdict]:
        for incident in self._by_end.get(end.id, ()):
            yield self._of_ended(incident)
        if end.id in self._dismissed_by_end:
            yield _DISMISSED
        elif end.id not in self._by_end:
            yield self._without_effect(end)

    def _of_ended(self, incident: Incident) -> Verdict:
        occurrence, deploy = incident.occurrence, incident.link.deploy
        ends = f"ends the incident that started {text_of_us(occurrence.began_at)}"
        if deploy is None:
            if mismatch := self._mismatch(occurrence.target, occurrence.began_at):
                why = self._reason(mismatch, occurrence.target)
                return Verdict(ALL, False, mismatch, f"{ends}, which is left out, since {why}")
            return Verdict(numbers.RECOVERY, False, "unlinked", f"{ends}, which is attributed to no deploy")
        if mismatch := self._mismatch(deploy.target, deploy.at):
            why = self._reason(mismatch, deploy.target)
            reason = f"{ends}, attributed to deploy {deploy.id}, which is left out, since {why}"
            return Verdict(ALL, False, mismatch, reason)
        if not self._deploys[deploy.id].failed:
            why = _why_not(self._deploys[deploy.id])
            reason = f"{ends}, attributed to deploy {deploy.id}, which did not fail{why}"
            return Verdict(numbers.RECOVERY, False, "not-failed", reason)
        part = _part_in_outage(incident, self._deploys[deploy.id])
        return part._replace(reason=f"{ends}; {part.reason}")

    def _without_effect(self, end: End) -> Verdict:
        known = self._by_incident.get((end.repo, end.incident), ())
        candidates = [occurrence for occurrence in known if not contradicts(end, occurrence.target)]
        if any(occurrence.began_at <= end.at for occurrence in candidates):
            return Verdict(ALL, False, "duplicate", "the incident was over already")
        if candidates:
            return Verdict(ALL, False, "nothing-happened", "it comes before the incident's start")
        other = "the incident started in another environment or service than the one it names"
        return Verdict(ALL, False, "nothing-happened", other if known else "no start of it is here")

    def _fail_rate(self, facts: DeployFacts) -> Verdict:
        deploy, failure = facts.deploy, self._failure(facts)
        if not self._is_young(deploy):
            if failure:
                return Verdict(numbers.FAIL_RATE, True, "failed", failure)
            reason = "neither an incident nor a later deploy made it fail"
            if facts.judged or facts.incidents:
                reason = f"it did not fail{_why_not(facts)}"
            return Verdict(numbers.FAIL_RATE, True, "succeeded", reason)
        until = self._settled_at(deploy)
        if failure:
            return Verdict(
                numbers.FAIL_RATE, False, "failed-pending", f"{failure}; outside the rate until {until}"
            )
        return Verdict(
            numbers.FAIL_RATE, False, "pending", f"it may still fail, so it is outside the rate until {until}"
        )

    def _failure(self, facts: DeployFacts) -> str:
        """Say how a deploy failed, or return "" if it did not."""
        if not facts.failed:
            return ""
        if facts.incidents:
            names = ", ".join(dict.fromkeys(i.occurrence.start.incident for i in facts.incidents))
            if facts.evidence == TIME:
                return f"may have failed: incident {names} came within the window, and nothing else says so"
            return f"failed by incident {names}"
        if not facts.remedied_by:
            return "failed: a correction says so"
        remedy = facts.remedied_by[0]
        return f"remedied by {self._how(remedy, facts.deploy)} {remedy.id} of {text_of_us(remedy.at)}"

    def _how(self, remedy: Deploy, remedied: Deploy) -> str:
        how = next(r for r in self._remedied[remedy.id] if r.deploy.id == remedied.id)
        return "the revert in deploy" if how.reverts else f"the {remedy.type}"

    def _recovery(self, facts: DeployFacts) -> Verdict:
        if facts.failed:
            return _recovery(facts)
        pending = self._is_young(facts.deploy) and not facts.judged
        reason = "it is too new to tell" if pending else "it did not fail"
        return Verdict(numbers.RECOVERY, False, "not-failed", reason)

    def _rework(self, facts: DeployFacts) -> Verdict:
        deploy = facts.deploy
        if facts.rework == NOT_REWORK:
            return Verdict(numbers.REWORK, True, "planned", "no rework: a correction says so")
        if deploy.type == ROLLBACK:
            what = "a rollback: it goes back to an earlier commit" if deploy.known else "a rollback"
            return Verdict(numbers.REWORK, True, "rework", f"{what}; {self._remedies(deploy)}")
        if deploy.type == HOTFIX:
            what = "a hotfix" if deploy.says else "a hotfix, as its branch or a repeat says"
            return Verdict(numbers.REWORK, True, "rework", f"{what}; {self._remedies(deploy)}")
        if deploy.fixes is not None:
            return Verdict(numbers.REWORK, True, "rework", f"it fixes incident {deploy.fixes}")
        if facts.rework == REWORK:
            undoes = deploy.id in self._remedied
            reason = self._remedies(deploy) if undoes else "rework: a correction says so"
            return Verdict(numbers.REWORK, True, "rework", reason)
        if facts.fixed is not None and facts.fixed.occurrence.ended_at is not None:
            occurrence = facts.fixed.occurrence
            after = _seconds(facts.fixed.occurrence.ended_at - deploy.at)
            reason = f"it came during incident {occurrence.start.incident}, which ended {after} later"
            return Verdict(numbers.REWORK, True, "inferred", f"it seems to be a fix: {reason}")
        return Verdict(numbers.REWORK, True, "planned", "one more deploy, no rework")

    def _remedies(self, deploy: Deploy) -> str:
        found = self._remedied.get(deploy.id)
        return ", ".join(map(_remedy, found)) if found else "there is no deploy in the window to remedy"

    def _is_young(self, deploy: Deploy) -> bool:
        return deploy.at > self._selection.period.now - self._window

    def _settled_at(self, deploy: Deploy) -> str:
        return text_of_us(deploy.at + self._window)

    def _left_out(self, word: str, target: DeployTarget) -> Verdict:
        return Verdict(ALL, False, word, self._reason(word, target))

    def _reason(self, word: str, target: DeployTarget) -> str:
        """Return the sentence for an event that is left out; for production, with the line to write."""
        is_example = target.environment == EXAMPLE.environment
        if word == "environment" and self._selection.environment == PRODUCTION and not is_example:
            names = self._settings.production
            line = _line("dora", "production", [*names, target.environment])
            said = f"its environment is not production; the names of production are {', '.join(names)}"
            return f"{said}; {line} would add it"
        return LEFT_OUT[word]

    def _mismatch(self, target: DeployTarget, at: int) -> str:
        return self._selection.mismatch(target) or ("" if at in self._selection.period else "period")


def _repeat(repeat: Repeat) -> Verdict:
    of = f"deploy {repeat.of.id} of {text_of_us(repeat.of.at)}"
    return Verdict(ALL, False, "repeat", f"it repeats {of}: {_REPEAT[repeat.rule]}")


def _remedy(remedy: Remedy) -> str:
    deploy = remedy.deploy
    how = f", by the revert of {remedy.reverts[:7]}" if remedy.reverts else ""
    return f"it remedies deploy {deploy.id} of {text_of_us(deploy.at)}{how}"


def _lead_time(facts: DeployFacts, *, several: bool) -> Verdict:
    new = facts.new
    if new.unknown:
        why, target, reporter = UNKNOWN[new.unknown], facts.deploy.target, facts.deploy.reporter or ""
        if new.unknown == lead_time.NO_PREDECESSOR and several and not target.service:
            why = "it is the first deploy here that names no service, and others name several"
        if new.unknown == lead_time.NO_COMMITS and reporter.startswith("relay/"):
            where = f"{target.repo} {facts.deploy.exact or 'production'}"
            why += f"; `gitdailies relay explain '{where}'` says why no push led to it"
        if new.unknown == lead_time.NO_PATHS and target.service:
            paths = {target.service: {"paths": [f"{target.service}/**"]}}
            why += f"; {_line('repositories', target.repo, {'services': paths})} would, with its folders"
        return Verdict(numbers.LEAD_TIME, False, new.unknown, f"unknown, since {why}")
    if not new.commits:
        reason = "its commit was here before" if facts.deploy.known else "it brought no new commit"
        return Verdict(numbers.LEAD_TIME, False, "nothing-new", reason)
    counted, without = len(new.lead_times), new.unknown_commits
    reason = f"{counted} new commits with a lead time" if counted != 1 else "1 new commit with a lead time"
    if without:
        reason += f", {without} without: no commit time, or one after the deploy"
    if not counted:
        return Verdict(numbers.LEAD_TIME, False, "unknown-commits", reason)
    if several and new.untold:
        reason += "; its list does not say which are of its service, so commits of all services count"
        return Verdict(numbers.LEAD_TIME, True, "all-services", reason)
    return Verdict(numbers.LEAD_TIME, True, "counted", reason)


def service_line(sent: DeployTarget, services: Sequence[str]) -> str:
    """Return the line of gitdailies.yml for a service that no deploy names: it is one of *services*.

    *sent* has the names of an incident of it, as they were sent. The choices follow where it is not clear.
    """
    own = sent.service or ""
    guess = next((one for one in services if one in own.casefold()), _PLACE)
    said = {key: one for key, one in {**sent._asdict(), "service": guess}.items() if one}
    choices = f" with {' or '.join(services)} for {_PLACE}" if guess == _PLACE else ""
    return _line("services", own, said) + choices


def _line(section: str, name: str | None, value: Any) -> str:
    """Return a line of gitdailies.yml. JSON is YAML, and quotes what needs it."""
    return f"`{section}: {json.dumps({name: value}, ensure_ascii=False)}`"


def _recovery(facts: DeployFacts) -> Verdict:
    outage = facts.outage
    if facts.remedied_after_us is not None:
        remedy = facts.remedied_by[0]
        reason = f"{_seconds(facts.remedied_after_us)} from the deploy to its first remedy, {remedy.id}"
        return Verdict(numbers.RECOVERY, True, "remedied", reason)
    if outage is None:
        reason = "every incident of it was merged or canceled, and no later deploy remedied it"
        if not facts.incidents:
            reason = "a correction says that it failed, and no event shows when it recovered"
        return Verdict(numbers.RECOVERY, False, "without-incident", reason)
    if outage.duration_us is None:
        return Verdict(numbers.RECOVERY, False, "open", f"open since {text_of_us(outage.began_at)}")
    reason = f"{_seconds(outage.duration_us)}, from {text_of_us(outage.began_at)}"
    return Verdict(numbers.RECOVERY, True, "recovered", reason)


def _part_in_outage(incident: Incident, facts: DeployFacts) -> Verdict:
    occurrence, outage = incident.occurrence, facts.outage
    if occurrence.merged:
        return Verdict(
            numbers.RECOVERY, False, "merged", "merged or canceled, so it has no recovery of its own"
        )
    if outage is None or outage.duration_us is None:
        return Verdict(numbers.RECOVERY, False, "open", f"deploy {facts.deploy.id} is not recovered yet")
    if occurrence.began_at > outage.began_at + outage.duration_us:
        reason = f"only the first outage of deploy {facts.deploy.id} is timed, and that one had ended"
        return Verdict(numbers.RECOVERY, False, "later-outage", reason)
    reason = f"part of the outage of deploy {facts.deploy.id}, {_seconds(outage.duration_us)}"
    return Verdict(numbers.RECOVERY, True, "recovered", reason)


def _why_not(facts: DeployFacts) -> str:
    """Say why a deploy with incidents did not fail."""
    if facts.judged:
        return ", as a correction says"
    return ": only the time of the incident says so, and dora.failures is evidence"


def _seconds(us: int) -> str:
    return duration(us / 1_000_000)


def _hours(us: int) -> str:
    return f"{us / 3_600_000_000:g} h"
