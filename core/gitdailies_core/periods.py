"""Which period of an incident a change opens or closes, and which events follow: a pure decision.

An incident may start and end more than once. There is one record per incident, target
(repository, environment, service) and period. The states of a record:

    held      a start that a filter or a missing route kept back; it has no target yet
    open      its start went out
    merged    merged into another incident; its end goes out when that one ends
    closed    its end went out; without a target: an end that came before any start
    released  a held start that went out after all

The rules, each with its test in tests/core/test_periods.py:

* A second start of a period, and a second end, are not passed on.
* An end whose start was not seen sends both, where the payload tells the start. Where it does
  not, nothing was open: it is remembered, and should its start come late, both go out then.
* An end goes where its start went, whatever service it names now.
* An end that names a period already over, while a later one is open, ends the later one.
* A held start goes out, with its own time, when a later change is wanted and has a target.
* An incident merged into another ends when that one ends; merged into one that is not known,
  at once, as `merged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from gitdailies_core.adapter import RESOLVED, STARTED, Change
from gitdailies_core.events import INCIDENT_RESOLVED, INCIDENT_STARTED, Event
from gitdailies_core.identity import incident_event_id
from gitdailies_core.routing import Target
from gitdailies_core.times import text_of

HELD, OPEN, MERGED, CLOSED, RELEASED = "held", "open", "merged", "closed", "released"
NOWHERE = Target("")

Key = tuple[str, Target, str]


@dataclass(frozen=True)
class Period:
    """One record; `incident`, `target` and `name` are its key."""

    incident: str
    target: Target
    name: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    merged_into: str | None = None

    @property
    def key(self) -> Key:
        return (self.incident, self.target, self.name)


class Ledger(Protocol):
    """The records of one source, as they stand before the change."""

    def periods(self, incident: str) -> Sequence[Period]:
        """Return every record of an incident."""

    def waiting(self, incident: str) -> Sequence[Period]:
        """Return the records in state merged whose `merged_into` is *incident*."""


@dataclass(frozen=True)
class Decision:
    """The events to send, in order; the records to write; and, without events, the reason."""

    events: tuple[Event, ...]
    records: tuple[Period, ...]
    reason: str


@dataclass
class _Draft:
    source: str
    change: Change
    ledger: Ledger
    events: list[Event] = field(default_factory=list)
    records: dict[Key, Period] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def known(self, incident: str) -> list[Period]:
        """The incident's records, those of this decision included, in order of their start."""
        merged = {period.key: period for period in self.ledger.periods(incident)}
        merged.update({key: p for key, p in self.records.items() if key[0] == incident})
        return sorted(merged.values(), key=lambda p: (p.started_at or p.ended_at or self.change.at, p.name))

    def put(self, period: Period) -> None:
        self.records[period.key] = period

    def open(self, period: Period) -> None:
        """Send the start of a period that was not open."""
        self.put(replace(period, state=OPEN))
        change = self.change
        self.events.append(
            Event.make(
                INCIDENT_STARTED,
                **self._common(period, INCIDENT_STARTED),
                time=period.started_at,
                title=change.title,
                severity=change.severity or change.priority,
                url=change.url,
            )
        )

    def close(self, period: Period, at: datetime, **more: str | None) -> None:
        """Send the end of a period; an end is never before its start."""
        ended_at = max(at, period.started_at or at)
        self.put(replace(period, state=CLOSED, ended_at=ended_at, merged_into=more.get("mergedInto")))
        url = self.change.url if period.incident == self.change.incident else None
        self.events.append(
            Event.make(
                INCIDENT_RESOLVED, **self._common(period, INCIDENT_RESOLVED), time=ended_at, url=url, **more
            )
        )

    def _common(self, period: Period, kind: str) -> dict[str, str | None]:
        target = period.target
        return {
            "incidentId": period.incident,
            "repo": target.repo,
            "environment": target.environment,
            "service": target.service,
            "source": self.source,
            "id": incident_event_id(
                kind=kind,
                source=self.source,
                incident=period.incident,
                repo=target.repo,
                environment=target.environment,
                service=target.service,
                period=period.name,
            ),
        }


def decide(
    *, source: str, change: Change, targets: Sequence[Target], refusal: str, ledger: Ledger
) -> Decision:
    """Decide what *change* causes.

    *targets* come from routing, none where it found no route; *refusal* says why the change is
    not wanted (a filter, a missing route), "" if it is.
    """
    draft = _Draft(source, change, ledger)
    if change.state == STARTED:
        _start(draft, targets, refusal)
    elif change.state == RESOLVED:
        _end(draft, targets, refusal)
    else:
        _update(draft, targets, refusal)
    reason = "" if draft.events else "; ".join(dict.fromkeys(draft.reasons)) or refusal
    return Decision(tuple(draft.events), tuple(draft.records.values()), reason)


def _start(draft: _Draft, targets: Sequence[Target], refusal: str) -> None:
    change = draft.change
    name = change.period or text_of(change.at)
    known = draft.known(change.incident)
    if refusal:
        if not any(p.name == name for p in known):
            draft.put(Period(change.incident, NOWHERE, name, HELD, change.at))
        draft.reasons.append(refusal)
        return
    for target in targets:
        repeat = _repeat_of_start(change, name, target, known)
        if repeat:
            draft.reasons.append(repeat)
            continue
        period = Period(change.incident, target, name, OPEN, change.at)
        draft.open(period)
        sibling = _sibling(change, name, target, known)
        if sibling is not None and sibling.state == MERGED:
            draft.put(replace(period, state=MERGED, merged_into=sibling.merged_into))
        elif sibling is not None and sibling.ended_at is not None:
            draft.close(period, sibling.ended_at)
    _release_held(draft, name, known)


def _repeat_of_start(change: Change, name: str, target: Target, known: Sequence[Period]) -> str:
    for p in known:
        if p.target != target:
            continue
        if p.name == name:
            return f"second start of a period that is {p.state}: {name}"
        if change.period is None:
            # This vendor does not name periods: only time tells a repeat from a new one.
            if p.state in (OPEN, MERGED):
                return f"second start of a period that is {p.state}: {p.name}"
            if p.ended_at is not None and change.at <= p.ended_at:
                return f"late start, of a period that ended at {text_of(p.ended_at)}"
    return ""


def _sibling(change: Change, name: str, target: Target, known: Sequence[Period]) -> Period | None:
    """Find a record from which a late start learns that its period is over, or merged away."""
    for p in known:
        if p.state not in (CLOSED, MERGED) or p.target == target:
            continue
        if not change.whole and p.target.service != target.service:
            continue
        if p.name == name:
            return p
        # An end that came before any start, of a vendor that does not name periods.
        if (
            change.period is None
            and p.target.repo == NOWHERE.repo
            and p.started_at is None
            and p.ended_at is not None
            and change.at <= p.ended_at
        ):
            return p
    return None


def _release_held(draft: _Draft, name: str, known: Sequence[Period]) -> None:
    if draft.events:
        for p in known:
            if p.state == HELD and p.name == name:
                draft.put(replace(p, state=RELEASED))


def _end(draft: _Draft, targets: Sequence[Target], refusal: str) -> None:
    change = draft.change
    known = draft.known(change.incident)
    closing = _closing(change, targets, known)
    over = bool(closing)
    if not closing:
        held = [p for p in known if p.state == HELD and _names(change, p, known)]
        done = [
            p for p in known if p.target.repo and p.state in (CLOSED, MERGED) and _names(change, p, known)
        ]
        if done and (change.whole or {p.target for p in done}.intersection(targets)):
            draft.reasons.append(f"second end of a period that is {done[-1].state}: {done[-1].name}")
            over = done[-1].state == CLOSED
        elif refusal:
            draft.reasons.append(refusal)
            if targets:
                # Filtered away from start to end. One without a route stays held: replayed, it counts.
                for p in held:
                    draft.put(replace(p, state=CLOSED, ended_at=change.at))
                over = bool(held)
        elif held or change.started_at is not None:
            closing = _opened_late(draft, targets, held[-1] if held else None)
            over = True
        else:
            _remember_early_end(draft, targets)
    for p in closing:
        over = _close(draft, p) and over
    if over:
        _end_waiting(draft, change.incident, change.at, {change.incident})


def _names(change: Change, period: Period, known: Sequence[Period]) -> bool:
    """Whether the end can mean this period: the one it names, else any that began before it."""
    began = period.started_at
    if change.period is None:
        return began is None or began <= change.at
    if period.name == change.period:
        return True
    # That an end after a reopening tells `reopened_at` is documented nowhere. One that tells the
    # first start again, when that period is over, can only mean the period that began since.
    return began is not None and any(
        p.name == change.period
        and p.state == CLOSED
        and p.started_at is not None
        and p.started_at < began <= change.at
        for p in known
    )


def _closing(change: Change, targets: Sequence[Target], known: Sequence[Period]) -> list[Period]:
    live = [p for p in known if p.state == OPEN and _names(change, p, known)]
    if change.whole:
        return live
    mine = [p for p in live if p.target in targets]
    seen = any(p.target in targets for p in known)
    # A service that never started here: the incident was handed on, so its end ends them all.
    return mine if mine or seen else live


def _opened_late(draft: _Draft, targets: Sequence[Target], held: Period | None) -> list[Period]:
    change = draft.change
    started_at = held.started_at if held is not None else change.started_at
    if started_at is None:
        return []
    name = held.name if held is not None else change.period or text_of(started_at)
    opened = [Period(change.incident, target, name, OPEN, started_at) for target in targets]
    for period in opened:
        draft.open(period)
    if held is not None:
        draft.put(replace(held, state=RELEASED))
    return opened


def _remember_early_end(draft: _Draft, targets: Sequence[Target]) -> None:
    change = draft.change
    draft.reasons.append("an end, but nothing was open, and the delivery does not tell its start")
    services = {t.service for t in targets} if not change.whole else {None}
    for service in services or {None}:
        note = Target(NOWHERE.repo, None, service)
        name = change.period or text_of(change.at)
        draft.put(Period(change.incident, note, name, CLOSED, None, change.at))


def _close(draft: _Draft, period: Period) -> bool:
    """Close one period, or let it wait for the incident it was merged into; say if it is over."""
    change = draft.change
    if not change.merged:
        draft.close(period, change.at)
        return True
    into = change.merged_into
    goal = [p for p in draft.known(into) if p.state != RELEASED] if into else []
    if any(p.state in (OPEN, HELD, MERGED) for p in goal):
        draft.put(replace(period, state=MERGED, merged_into=into))
        draft.reasons.append(f"merged into {into}: it ends when that one ends")
        return False
    ends = [p.ended_at for p in goal if p.ended_at is not None]
    if ends:
        draft.close(period, max(change.at, *ends), mergedInto=into)
    else:
        draft.close(period, change.at, mergedInto=into, resolution="merged")
    return True


def _end_waiting(draft: _Draft, incident: str, at: datetime, ended: set[str]) -> None:
    """End what was merged into *incident*, and what was merged into those."""
    for p in draft.ledger.waiting(incident):
        if draft.records.get(p.key, p).state == MERGED:
            draft.close(p, at, mergedInto=incident)
    for p in draft.ledger.waiting(incident):
        if p.incident not in ended:
            ended.add(p.incident)
            _end_waiting(draft, p.incident, at, ended)


def _update(draft: _Draft, targets: Sequence[Target], refusal: str) -> None:
    change = draft.change
    held = [p for p in draft.known(change.incident) if p.state == HELD]
    if change.period is not None:
        held = [p for p in held if p.name == change.period]
    if held and targets and not refusal:
        for target in targets:
            draft.open(replace(held[-1], target=target))
        draft.put(replace(held[-1], state=RELEASED))
    else:
        draft.reasons.append(f"{change.word} neither starts nor ends an incident")
