"""Incidents merged into one another: whether the other one can end them, and whether it is over.

Nothing here changes a record.
"""

from collections.abc import Sequence
from datetime import datetime

from gitdailies_core.incidents.decision import Draft
from gitdailies_core.incidents.records import CLOSED, HELD, MERGED, RELEASED, REPEATED, Occurrence
from gitdailies_core.sources.protocol import Change


def target_of(change: Change) -> str | None:
    """Return what an incident was merged into, "" where the change does not say it, None if it was not."""
    return (change.merged_into or "") if change.merged else None


def can_end(draft: Draft, record: Occurrence, into: str, at: datetime) -> bool:
    """Whether the incident *into* can end an occurrence that was merged into it at *at*.

    One that is not known, or that was itself merged into this incident, never will. Nor may it
    end an occurrence that another one follows, which could not begin while this one waits.
    """
    if not into or not draft.known(into):
        return False
    return not _leads_back(draft, record.incident, into) and not _is_followed(draft, record, at)


def overtaken(begun: Occurrence, known: Sequence[Occurrence]) -> list[tuple[Occurrence, datetime]]:
    """Find what waits at the target of an occurrence that begins now, each with the moment of its merging."""
    waiting = [
        (r, r.ended_at) for r in known if r.state == MERGED and r.target == begun.target and r.ended_at
    ]
    return [(r, at) for r, at in waiting if begun.started_at and at <= begun.started_at]


def is_over(known: Sequence[Occurrence]) -> bool:
    """Whether the last occurrence of an incident has ended, at each of its targets.

    *known* are its records in order of their start. A held start counts only while nothing
    began after it: a later start has overtaken what it held back.
    """
    starts = [record for record in known if record.state not in (RELEASED, REPEATED)]
    last = {record.target: record for record in starts}
    return bool(starts) and all(
        record.state == CLOSED or (record.state == HELD and record is not starts[-1])
        for record in last.values()
    )


def last_end(known: Sequence[Occurrence], at: datetime | None) -> datetime:
    """Return the latest end of *known*, or *at* where that is later. One of them has to be there.

    If there are occurrences that began, an end alone is a second end of one of them.
    """
    begun = [record for record in known if record.started_at is not None] or known
    return max(end for end in (at, *(record.ended_at for record in begun)) if end is not None)


def _is_followed(draft: Draft, record: Occurrence, at: datetime) -> bool:
    """Whether a start of the same incident and target was sent that is not before *at*."""
    others = [r for r in draft.known(record.incident) if r.target == record.target and r.name != record.name]
    return any(r.started_at and r.started_at >= at and r.state not in (HELD, REPEATED) for r in others)


def _leads_back(draft: Draft, incident: str, into: str) -> bool:
    """Whether following the merges from *into* comes back to *incident*."""
    seen: set[str] = set()
    ahead = [into]
    while ahead:
        one = ahead.pop()
        if one == incident:
            return True
        if one not in seen:
            seen.add(one)
            ahead += [r.merged_into for r in draft.known(one) if r.state == MERGED and r.merged_into]
    return False
