"""Which period of an incident a change opens or closes, and which events follow: a pure decision.

An incident may start and end more than once. A vendor that names periods (by their start, or by
a key) tells them apart itself; for one that does not, only time does. The rules, each with its
test in tests/core/test_periods*.py:

* A second start of a period, and a second end, are not passed on.
* A period that the payload does not name is named by its start; the first one of an incident
  whose id no other will have, without a time.
* An end whose start was not seen sends both, where the payload tells the start. Where it does
  not, nothing was open: it is remembered, and should its start come late, both go out then.
* An end goes where its start went, whatever service it names now, and whatever a filter says now.
* An end that names a period already over, while a later one is open, ends the later one.
* A held start goes out, with its own time, when a later change is wanted and has a target.
* A later start than that of an open, unnamed period is remembered: should the end between the
  two come late, the later one goes out then.
* An incident merged into another ends when that one ends; merged into one that is not known,
  at once, as `merged`; and one that is reopened meanwhile when it was merged, as `merged`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gitdailies_core.incidents.decision import Draft
from gitdailies_core.incidents.matching import closing, concerns, covers, held, is_of, meant, told_end
from gitdailies_core.incidents.merges import end_merged, end_overtaken, end_waiting
from gitdailies_core.incidents.records import (
    CLOSED,
    HELD,
    MERGED,
    NOWHERE,
    OPEN,
    RELEASED,
    REPEATED,
    Decision,
    Key,
    Ledger,
    Period,
)
from gitdailies_core.incidents.routing import Target
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change
from gitdailies_core.values.times import text_of

__all__ = [
    "CLOSED",
    "HELD",
    "MERGED",
    "NOWHERE",
    "OPEN",
    "RELEASED",
    "REPEATED",
    "Decision",
    "Key",
    "Ledger",
    "Period",
    "decide",
]

# The name of the one record in state repeated that a target may have.
_AGAIN = "again"


def decide(
    *, source: str, change: Change, targets: Sequence[Target], refusal: str, ledger: Ledger
) -> Decision:
    """Decide what *change* causes.

    *targets* come from routing, none where it found no route; *refusal* says why the change is
    not wanted (a filter, a missing route), "" if it is.
    """
    draft = Draft(source, change, ledger)
    known = draft.known(change.incident)
    if not targets and not refusal:
        refusal = "no route says where it counts"
    if change.state == STARTED:
        _start(draft, targets, refusal, known)
    elif change.state == RESOLVED:
        _end(draft, targets, refusal, known)
    else:
        _update(draft, targets, refusal, known)
    # Not an end alone: a late start, or a held one, may bring the end that others wait for.
    if change.state == RESOLVED or any(p.state in (CLOSED, RELEASED) for p in draft.records.values()):
        end_waiting(draft, change.incident)
    return draft.decision(refusal)


def _start(draft: Draft, targets: Sequence[Target], refusal: str, known: Sequence[Period]) -> None:
    change = draft.change
    name = change.occurrence or _first(change, known, NOWHERE) or text_of(change.at)
    began = Period(change.incident, NOWHERE, name, HELD, change.at)
    if refusal:
        draft.reasons.append(refusal)
        _hold(draft, began, known)
    else:
        _release(draft, targets, [began, *held(change, known)], known)


def _hold(draft: Draft, began: Period, known: Sequence[Period]) -> None:
    """Remember a start that is not wanted, unless its period is known already."""
    change, at = draft.change, began.started_at or draft.change.at
    mine = [p for p in known if concerns(change, p) and p.state not in (RELEASED, REPEATED)]
    for note in _notes(change):
        period = began._replace(target=note)
        same = next((p for p in mine if p.name == period.name), None)
        if same is None and (change.occurrence or not any(covers(p, at) for p in mine)):
            end = told_end(change, period, known)
            draft.put(period._replace(state=CLOSED, ended_at=end.ended_at) if end else period)
        elif same is not None and same.state == HELD and same.started_at and at < same.started_at:
            draft.put(same._replace(started_at=at))


def _release(
    draft: Draft, targets: Sequence[Target], starts: Sequence[Period], known: Sequence[Period]
) -> list[Period]:
    """Send the earliest of *starts* to every target where it is news; return what is open now."""
    change = draft.change
    began = min(starts, key=lambda p: p.started_at or change.at)
    opened = []
    for target in targets:
        name = _first(change, known, target) or began.name
        period = Period(began.incident, target, name, OPEN, began.started_at)
        repeat = _repeat(draft, period, known)
        if repeat:
            draft.reasons.append(repeat)
        else:
            _open(draft, period, known)
            opened.append(draft.records[period.key])
    if opened:
        for note in starts:
            if note.state == HELD and note in known:
                draft.put(note._replace(state=RELEASED))
    return [period for period in opened if period.state == OPEN]


def _first(change: Change, known: Sequence[Period], target: Target) -> str | None:
    """Return the name of an incident's first period, where nothing of it began at *target* before.

    NOWHERE stands for every target that the change speaks for.
    """
    if change.first_occurrence is None or change.occurrence is not None:
        return None
    begun = (p for p in known if p.started_at is not None and p.state != RELEASED)
    if any(p.target == target or ((p.is_note or target == NOWHERE) and concerns(change, p)) for p in begun):
        return None
    return change.first_occurrence


def _repeat(draft: Draft, period: Period, known: Sequence[Period]) -> str:
    """Say why a start is no news at its target, or "" if it is."""
    if not known:
        return ""  # as for nearly all
    change, at = draft.change, period.started_at or draft.change.at
    here = [p for p in known if p.target == period.target and p.state != REPEATED]
    unnamed = change.occurrence is None
    for p in here:
        if p.name == period.name or (unnamed and p.state != CLOSED and covers(p, at)):
            if unnamed and p.state == OPEN:
                _remember_again(draft, p, known)
            return f"second start of a period that is {p.state}: {p.name}"
    end = told_end(change, period, known)
    for p in here if unnamed else ():
        if covers(p, at) and p.ended_at:
            return f"late start, of a period that ended at {text_of(p.ended_at)}"
        if p.started_at and at < p.started_at and end is None:
            return f"late start, of a period that began at {text_of(p.started_at)}"
    return ""


def _remember_again(draft: Draft, period: Period, known: Sequence[Period]) -> None:
    at = draft.change.at
    again = [p for p in known if p.state == REPEATED and p.target == period.target]
    if all(p.started_at and p.started_at < at for p in (period, *again)):
        draft.put(Period(period.incident, period.target, _AGAIN, REPEATED, at))


def _open(draft: Draft, period: Period, known: Sequence[Period]) -> None:
    """Send a start, and what a late one learns from other records: that it is over, or merged."""
    end_overtaken(draft, period, known)
    draft.start(period)
    end = told_end(draft.change, period, known)
    if end is not None and end.ended_at is not None:
        if end.merged_into is not None:
            end_merged(draft, period, end.merged_into, end.ended_at)
        else:
            draft.end(period, end.ended_at)


def _end(draft: Draft, targets: Sequence[Target], refusal: str, known: Sequence[Period]) -> None:
    change = draft.change
    over = closing(change, known)
    for p in over:
        _close(draft, p)
    for p in over:
        _start_again(draft, p, known)
    if not over:
        _end_unopened(draft, targets, refusal, known)
    for p in meant(change, known):
        if p.state == HELD and concerns(change, p) and p.key not in draft.records:
            draft.put(p._replace(state=CLOSED, ended_at=change.at, merged_into=_into(change)))


def _end_unopened(draft: Draft, targets: Sequence[Target], refusal: str, known: Sequence[Period]) -> None:
    """Take an end for which nothing is open: a second one, a late one, or one that came early."""
    change = draft.change
    done = [p for p in meant(change, known) if not p.is_note and p.state in (CLOSED, MERGED)]
    done = [p for p in done if change.whole or p.target in targets or is_of(change, p)]
    starts = held(change, known)
    if change.started_at is not None:
        name = change.occurrence or text_of(change.started_at)
        starts.append(Period(change.incident, NOWHERE, name, HELD, change.started_at))
    if done:
        draft.reasons.append(f"second end of a period that is {done[-1].state}: {done[-1].name}")
        if all(p.state == CLOSED and p.ended_at and p.ended_at < change.at for p in done):
            # Or the first of a later period, whose start is still to come.
            _note_end(draft, Period(change.incident, NOWHERE, text_of(change.at), CLOSED), known)
    elif starts and not refusal:
        for p in _release(draft, targets, starts, known):
            _close(draft, p)
    else:
        draft.reasons.append(refusal or "an end, but nothing was open, and it does not tell its start")
        name = change.occurrence or text_of(change.at)
        _note_end(draft, starts[0] if starts else Period(change.incident, NOWHERE, name, CLOSED), known)


def _note_end(draft: Draft, period: Period, known: Sequence[Period]) -> None:
    """Remember an end for which nothing went out; the first of two holds."""
    change = draft.change
    for note in _notes(change):
        ended = period._replace(target=note, state=CLOSED, ended_at=change.at, merged_into=_into(change))
        if all(p.key != ended.key for p in known):
            draft.put(ended)


def _close(draft: Draft, period: Period) -> None:
    into = _into(draft.change)
    if into is None:
        draft.end(period, draft.change.at)
    else:
        end_merged(draft, period, into, draft.change.at)


def _start_again(draft: Draft, closed: Period, known: Sequence[Period]) -> None:
    """Send the start that was taken for a second one until this end came between the two."""
    for p in known:
        again = p.started_at if p.state == REPEATED and p.target == closed.target else None
        if again is not None and again > draft.change.at:
            period = p._replace(name=text_of(again), state=OPEN)
            # An end may close several periods of a target; what began since begins once.
            if all(other.key != period.key for other in draft.known(period.incident)):
                draft.start(period)


def _update(draft: Draft, targets: Sequence[Target], refusal: str, known: Sequence[Period]) -> None:
    change = draft.change
    starts = held(change, known)
    if starts and not refusal:
        _release(draft, targets, starts, known)
    elif starts:
        draft.reasons.append(refusal)
    draft.reasons.append(f"{change.word} neither starts nor ends an incident")


def _notes(change: Change) -> list[Target]:
    """Where a change is noted that goes to no repository: at its services, or at none for all."""
    if change.whole or not change.services:
        return [NOWHERE]
    return [Target(NOWHERE.repo, None, service.name) for service in change.services]


def _into(change: Change) -> str | None:
    return (change.merged_into or "") if change.merged else None
