"""What a server may set about its figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from gitdailies_core.describe import got
from gitdailies_core.errors import UsageError

# The key of every production name; an environment's own name is never empty.
PRODUCTION = ""
PRODUCTION_NAMES = ("production", "prod", "prd", "live")
WINDOW = timedelta(hours=72)
_LONGEST_WINDOW = timedelta(days=366)


def folded(name: str) -> str:
    """Return a name as names are compared: without case."""
    return name.casefold()


@dataclass(frozen=True)
class Settings:
    """How long a deploy may be blamed, whose clock days are of, what production is called.

    Raises UsageError for a window that is none, an unknown time zone or a production without a name.
    """

    window: timedelta = WINDOW
    timezone: str = "UTC"
    production: tuple[str, ...] = PRODUCTION_NAMES

    def __post_init__(self) -> None:
        if not timedelta(0) < self.window <= _LONGEST_WINDOW:
            raise UsageError(f"window: expected more than nothing and at most 366 days, got {self.window}")
        if not self.production or not all(self.production):
            raise UsageError("production: expected at least one name, none of them empty, got none")
        _ = self.zone

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone itself."""
        if self.timezone == "UTC":
            return UTC  # which needs no database of zones
        try:
            return ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):  # KeyError: no such zone; the others: no name of one at all
            raise UsageError(
                f"timezone: expected a name like Europe/Berlin, got {got(self.timezone)}"
            ) from None

    @cached_property
    def window_us(self) -> int:
        return self.window // timedelta(microseconds=1)

    @cached_property
    def _production(self) -> frozenset[str]:
        return frozenset(folded(name) for name in self.production)

    def environment(self, name: str | None) -> str:
        """Return an environment as environments are compared; none at all counts as production."""
        if not name:
            return PRODUCTION
        key = folded(name)
        return PRODUCTION if key in self._production else key
