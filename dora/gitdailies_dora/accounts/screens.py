"""Links with which a screen on a wall shows figures without a person. Pure; `screen_store` stores them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# The path of a link, before its token.
WALL = "/wall/"
# A forgotten link ends by itself.
LONGEST_DAYS = 366
MOST_SCREENS = 50
# How exactly the last use is recorded: a screen asks twice a minute.
SEEN_EVERY = timedelta(minutes=10)


@dataclass(frozen=True)
class Screen:
    """A link that shows figures and nothing else, without the link itself."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return now < self.expires_at

    def is_stale(self, now: datetime) -> bool:
        """Return whether the recorded last use is too old."""
        return self.seen_at is None or now - self.seen_at >= SEEN_EVERY
