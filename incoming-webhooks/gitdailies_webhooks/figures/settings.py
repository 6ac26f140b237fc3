"""The settings of a server that its figures depend on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import cached_property

from gitdailies_connection.config import timezones
from gitdailies_connection.config.settings import WebhooksSettings
from gitdailies_core.errors import UsageError

# The folded form of every production name. The name of another environment is never empty.
PRODUCTION = ""
_LONGEST_WINDOW = timedelta(days=366)


def folded(name: str) -> str:
    """Return a name as it is compared: without case."""
    return name.casefold()


@dataclass(frozen=True)
class FigureSettings:
    """The window after a deploy, the time zone of days, and the names of production.

    Raises UsageError for a window that is not positive or longer than 366 days, an unknown time zone, or
    no name of production.
    """

    window: timedelta = timedelta(hours=WebhooksSettings.window_hours)
    timezone: str = WebhooksSettings.timezone
    production: tuple[str, ...] = WebhooksSettings.production

    @classmethod
    def of(cls, configured: WebhooksSettings) -> FigureSettings:
        """Return the settings in a configuration."""
        return cls(timedelta(hours=configured.window_hours), configured.timezone, configured.production)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.window <= _LONGEST_WINDOW:
            raise UsageError(f"window: expected more than nothing and at most 366 days, got {self.window}")
        if not self.production or not all(self.production):
            raise UsageError("production: expected at least one name, none of them empty, got none")
        _ = self.zone

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone that `timezone` names."""
        try:
            return timezones.zone(self.timezone)
        except ValueError as error:
            raise UsageError(f"timezone: {error}") from None

    @cached_property
    def window_us(self) -> int:
        return self.window // timedelta(microseconds=1)

    @cached_property
    def _production(self) -> frozenset[str]:
        return frozenset(folded(name) for name in self.production)

    def environment(self, name: str | None) -> str:
        """Return the folded name of an environment; no name counts as production."""
        if not name:
            return PRODUCTION
        key = folded(name)
        return PRODUCTION if key in self._production else key
