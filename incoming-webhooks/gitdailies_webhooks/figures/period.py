"""The period that figures are asked for: half-open, counted up to now, its days read off a clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from gitdailies_core.error_text import got
from gitdailies_core.values import times
from gitdailies_server.storage.timestamps import from_us, to_us

# What is asked for where nothing says since when.
DAYS = 90

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """from ≤ t < to, and t ≤ now; `ended_at` is None where it has no end."""

    began_at: int
    ended_at: int | None
    now: int
    zone: tzinfo = UTC

    def __contains__(self, at: int) -> bool:
        return self.began_at <= at <= self.now and (self.ended_at is None or at < self.ended_at)

    @property
    def until(self) -> int:
        """Where it ends, or now where it is not over."""
        return self.now if self.ended_at is None else min(self.ended_at, self.now)

    @property
    def days(self) -> float | None:
        """Return the difference of its two ends on the clock, in days; None where none has passed yet."""
        if self.until <= self.began_at:
            return None
        days = (clock(self.until, self.zone) - clock(self.began_at, self.zone)) / _DAY
        # An hour that the clock shows twice can leave no time between its two ends.
        return days if days > 0 else None


def span(began: str, ended: str, now: int, zone: tzinfo, days: int = DAYS) -> Span:
    """Read a period from two texts, each a date, a time or "" for not given.

    Without a beginning it is that of so many *days*. Raises ValueError `where: expected, got`.
    """
    ended_at = moment(ended, "to", zone) if ended else None
    if began:
        began_at = moment(began, "from", zone)
    else:
        until = now if ended_at is None else min(ended_at, now)
        try:
            began_at = from_clock(clock(until, zone) - timedelta(days=days), zone)
        except (OverflowError, ValueError):
            raise ValueError(f"to: expected a time with {days} days before it, got {got(ended)}") from None
    if ended_at is not None and ended_at <= began_at:
        raise ValueError(f"to: expected a time after from, {_said(began_at)}, got {got(ended)}")
    if began_at > now:
        raise ValueError(f"from: expected a time up to now, {_said(now)}, got {got(began)}")
    return Span(began_at, ended_at, now, zone)


def moment(text: str, where: str, zone: tzinfo) -> int:
    """Read a time, or a date as its midnight in *zone*; raises ValueError `where: expected, got`."""
    try:
        if _DATE.fullmatch(text):
            return from_clock(datetime.fromisoformat(text), zone)
        return to_us(times.parse(text, where))
    except (OverflowError, ValueError):
        raise ValueError(
            f"{where}: expected a date like 2026-03-04 or a time like 2026-03-04T09:12:41Z, got {got(text)}"
        ) from None


def _said(at: int) -> str:
    return times.text_of(from_us(at))


def clock(at: int, zone: tzinfo) -> datetime:
    """Return what a clock of *zone* shows at a moment."""
    return from_us(at).astimezone(zone).replace(tzinfo=None)


def from_clock(shown: datetime, zone: tzinfo) -> int:
    """Return the moment at which a clock of *zone* first shows *shown*, or passes over it."""
    return to_us(shown.replace(tzinfo=zone).astimezone(UTC))
