"""Incidents merged into one another: an incident that was merged away ends when that one ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gitdailies_core import reasons
from gitdailies_core.incidents.decision import Draft
from gitdailies_core.incidents.records import CLOSED, HELD, MERGED, RELEASED, REPEATED, Period
from gitdailies_core.reasons import Reason


def end_merged(draft: Draft, period: Period, into: str, at: datetime) -> None:
    """End a period that was merged *into* an incident ("" where it is not named) at *at*.

    It waits while that incident is not over. One that is not known, or that was itself merged
    into this one, will never end it: then it ends at once, as `merged`. So does a period that
    another one follows, which could not begin while this one waits.
    """
    target = draft.known(into) if into else []
    if not target or _leads_back(draft, period.incident, into) or _is_followed(draft, period, at):
        draft.end(period, at, into=into, resolution="merged")
    elif is_over(target):
        draft.end(period, max([at, *_ends(target)]), into=into)
    else:
        draft.put(period._replace(state=MERGED, ended_at=at, merged_into=into))
        text = f"merged into {into}: it ends when that one ends"
        draft.reasons.append(Reason(reasons.MERGED, text))


def end_overtaken(draft: Draft, began: Period, known: Sequence[Period]) -> None:
    """End, as `merged`, what waits at the target of a period that begins now: its incident was reopened."""
    waiting = [p for p in known if p.state == MERGED and p.target == began.target]
    for p in waiting:
        if p.ended_at and began.started_at and p.ended_at <= began.started_at:
            draft.end(p, p.ended_at, into=p.merged_into, resolution="merged")


def end_waiting(draft: Draft, incident: str) -> None:
    """End what was merged into *incident*, should that be over, and what was merged into those."""
    over = [incident]
    for one in over:  # which grows on the way
        waiting = draft.waiting(one)
        known = draft.known(one) if waiting else []
        if is_over(known):
            for period in waiting:
                draft.end(period, max(_ends([*known, period])), into=one)
                over.append(period.incident)


def is_over(known: Sequence[Period]) -> bool:
    """Whether the last period of an incident has ended, at each of its targets.

    *known* are its records in order of their start. A held start counts only while nothing
    began after it: what it held back has been overtaken.
    """
    starts = [period for period in known if period.state not in (RELEASED, REPEATED)]
    last = {period.target: period for period in starts}
    return bool(starts) and all(
        period.state == CLOSED or (period.state == HELD and period is not starts[-1])
        for period in last.values()
    )


def _ends(known: Sequence[Period]) -> list[datetime]:
    return [period.ended_at for period in known if period.ended_at is not None]


def _is_followed(draft: Draft, period: Period, at: datetime) -> bool:
    """Whether a period of the same incident and target went out that began at or after *at*."""
    others = [p for p in draft.known(period.incident) if p.target == period.target and p.name != period.name]
    return any(p.started_at and p.started_at >= at and p.state not in (HELD, REPEATED) for p in others)


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
            ahead += [p.merged_into for p in draft.known(one) if p.state == MERGED and p.merged_into]
    return False
