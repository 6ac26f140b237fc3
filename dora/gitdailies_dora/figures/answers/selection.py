"""What a question about figures selects: a period, and a target.

A period is half-open and ends now at the latest. Its days are read off the clock of a time zone, so a
day on which the clock is set forward is one day, although it has 23 hours. Days count from the day of the
first event on: before it, nothing was observed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from gitdailies_core.error_text import got
from gitdailies_core.values import times
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import NO_RENAMES, Renames, folded
from gitdailies_server.storage.timestamps import from_us, text_of_us, to_us

from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.history.teams import NO_TEAMS, Teams

# The length of a period that has no beginning.
DEFAULT_DAYS = 90

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY = timedelta(days=1)

# Before the year 1, in microseconds.
_BEFORE_ALL = -(2**62)


@dataclass(frozen=True)
class Period:
    """The times t with began_at ≤ t < ended_at and t ≤ now; `ended_at` is None if the period has no end."""

    began_at: int
    ended_at: int | None
    now: int
    zone: tzinfo = UTC

    def __contains__(self, at: int) -> bool:
        return self.began_at <= at <= self.now and (self.ended_at is None or at < self.ended_at)

    @property
    def until(self) -> int:
        """The end of the period, or now if that comes first."""
        return self.now if self.ended_at is None else min(self.ended_at, self.now)

    @property
    def days(self) -> float:
        """The days that have passed on the clock, with fractions."""
        return self.days_since(self.began_at)

    def days_since(self, began_at: int | None) -> float:
        """Return the days on the clock from *began_at* until the end, or now; 0 for None."""
        if began_at is None or began_at >= self.until:
            return 0.0
        days = (local_time(self.until, self.zone) - local_time(began_at, self.zone)) / _DAY
        # In the hour that the clock shows twice, a period may begin and end at the same reading.
        return max(days, 0.0)

    def observed_from(self, first: int | None) -> int | None:
        """Return the moment from which days count; None if nothing was observed.

        It is the beginning, or the start of the day of the *first* event of all if that is later. An event
        at the end, or later than now, is not observed.
        """
        if first is None or first > self.now or (self.ended_at is not None and first >= self.ended_at):
            return None
        return max(self.began_at, _midnight(first, self.zone))


@dataclass(frozen=True)
class Selection:
    """A period and a target; None as repository, environment, service or team means any.

    *team* is a key of *teams*.
    """

    period: Period
    repo: str | None = None
    environment: str | None = PRODUCTION
    service: str | None = None
    team: str | None = None
    teams: Teams = NO_TEAMS
    renames: Renames = NO_RENAMES

    @classmethod
    def make(
        cls,
        period: Period,
        settings: FigureSettings,
        *,
        repo: str = "",
        environment: str = "",
        service: str = "",
        team: str = "",
        teams: Teams = NO_TEAMS,
    ) -> "Selection":
        """Make a selection from names as people write them; "" means any, or production."""
        return cls(
            period,
            settings.repo(repo) if repo else None,
            settings.environment(environment),
            folded(service) if service else None,
            team or None,
            teams,
            settings.renames,
        )

    @classmethod
    def all_until(cls, now: int) -> "Selection":
        """Make the selection of every event up to *now*, in every target."""
        return cls(Period(_BEFORE_ALL, None, now), environment=None)

    def mismatch(self, target: DeployTarget) -> str:
        """Name the filter that excludes *target*, or return "" if none does."""
        if self.repo is not None and target.repo != self.repo:
            return "repository"
        if self.environment is not None and target.environment != self.environment:
            return "environment"
        if self.service is not None and target.service != self.service:
            return "service"
        if self.team is not None and self.team not in self.teams.of(target.repo, target.service):
            return "team"
        return ""

    def selects_repo(self, repo: str) -> bool:
        """Whether events of a repository, or of a service of it, may be selected."""
        if self.repo is not None and repo != self.repo:
            return False
        return self.team is None or self.team in self.teams.ever_of(repo)

    def includes(self, target: DeployTarget, at: int) -> bool:
        """Whether an event in *target* at the time *at* is selected."""
        return at in self.period and not self.mismatch(target)


def parse_period(began: str, ended: str, now: int, zone: tzinfo, days: int = DEFAULT_DAYS) -> Period:
    """Read a period from two texts, each a date, a time or "".

    Without *began*, the period is *days* days long. Raises ValueError `where: expected, got`.
    """
    ended_at = parse_moment(ended, "to", zone) if ended else None
    if began:
        began_at = parse_moment(began, "from", zone)
    else:
        until = now if ended_at is None else min(ended_at, now)
        try:
            began_at = at_local_time(local_time(until, zone) - timedelta(days=days), zone)
        except (OverflowError, ValueError):
            raise ValueError(f"to: expected a time with {days} days before it, got {got(ended)}") from None
    if ended_at is not None and ended_at <= began_at:
        raise ValueError(f"to: expected a time after from, {text_of_us(began_at)}, got {got(ended)}")
    if began_at > now:
        raise ValueError(f"from: expected a time up to now, {text_of_us(now)}, got {got(began)}")
    return Period(began_at, ended_at, now, zone)


def parse_moment(text: str, where: str, zone: tzinfo) -> int:
    """Read a time, or a date as its midnight in *zone*; raises ValueError `where: expected, got`."""
    try:
        if _DATE.fullmatch(text):
            return at_local_time(datetime.fromisoformat(text), zone)
        return to_us(times.parse(text, where))
    except (OverflowError, ValueError):
        raise ValueError(
            f"{where}: expected a date like 2026-03-04 or a time like 2026-03-04T09:12:41Z, got {got(text)}"
        ) from None


def local_time(at: int, zone: tzinfo) -> datetime:
    """Return what a clock in *zone* shows at a time."""
    return from_us(at).astimezone(zone).replace(tzinfo=None)


def at_local_time(shown: datetime, zone: tzinfo) -> int:
    """Return the time at which a clock in *zone* first shows *shown*, or skips it."""
    return to_us(shown.replace(tzinfo=zone).astimezone(UTC))


# The first events of some hundred repositories are asked for again with every bucket and every page.
@lru_cache(maxsize=4096)
def _midnight(at: int, zone: tzinfo) -> int:
    """Return the start of the day of a time."""
    shown = local_time(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return at_local_time(shown, zone)
