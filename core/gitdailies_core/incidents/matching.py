"""Which records a change speaks of: the reading half of `periods`; nothing here changes a record.

A vendor that names its periods says it itself. For one that does not, only time tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gitdailies_core.incidents.records import CLOSED, HELD, MERGED, OPEN, Period
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.times import text_of


def covers(period: Period, at: datetime) -> bool:
    """Whether *at* lies in the period, its two ends included."""
    began, ended = period.started_at, period.ended_at
    return began is not None and began <= at and (period.state != CLOSED or ended is None or at <= ended)


def is_of(change: Change, period: Period) -> bool:
    """Whether the change names the service of the period."""
    return period.target.service in {service.name for service in change.services}


def concerns(change: Change, period: Period) -> bool:
    """Whether the change speaks for the service of the period, too."""
    return change.whole or period.target.service is None or is_of(change, period)


def meant(change: Change, known: Sequence[Period]) -> list[Period]:
    """Find what an end can mean: the period that it names, else all that began before it.

    That an end after a reopening tells the new start is documented nowhere. One that tells the
    first start again, when that period is over, means those that began since.
    """
    before = [p for p in known if p.started_at is not None and p.started_at <= change.at]
    if change.occurrence is None:
        return before
    named = [p for p in known if p.name == change.occurrence]
    over = [p.started_at for p in named if p.state == CLOSED and p.started_at is not None]
    since = [p for p in before if over and p.started_at and p.started_at > min(over)]
    return [*named, *(p for p in since if p not in named)]


def closing(change: Change, known: Sequence[Period]) -> list[Period]:
    """Find the open records that an end closes, whatever service it names now.

    An end that speaks for one service alone closes that service's; if that service never
    started here, the incident was handed on, and its end ends them all.
    """
    live = [p for p in meant(change, known) if p.state == OPEN]
    if change.whole:
        return live
    mine = [p for p in live if is_of(change, p)]
    seen = any(is_of(change, p) for p in known)
    return mine if mine or seen else live


def held(change: Change, known: Sequence[Period]) -> list[Period]:
    """Find the starts that did not go out, over by now or not, to whose period a change belongs."""
    if not known:
        return []
    notes = [p for p in known if p.is_note and p.started_at is not None and concerns(change, p)]
    if change.occurrence is not None:
        notes = [p for p in notes if p.name == change.occurrence]
    else:
        notes = [p for p in notes if covers(p, change.at)]
    return [p for p in notes if p.state in (HELD, CLOSED)]


def told_end(change: Change, period: Period, known: Sequence[Period]) -> Period | None:
    """Find the record of another target, or the note, that tells how a late *period* ended.

    *period* itself is not among the *known*.
    """
    if not known:
        return None
    at = period.started_at or change.at
    over = [p for p in known if p.state in (CLOSED, MERGED) and concerns(change, p)]
    for p in over:
        if p.name == period.name:
            return p
    for note in over:
        if _is_bare_end(note) and note.ended_at and at <= note.ended_at:
            between = [p for p in known if p.started_at and at < p.started_at <= note.ended_at]
            return None if between else note
    return None


def _is_bare_end(period: Period) -> bool:
    """Whether its end is all that is known of a period, not even a name."""
    if not period.is_note or period.started_at is not None or period.ended_at is None:
        return False
    return period.name == text_of(period.ended_at)
