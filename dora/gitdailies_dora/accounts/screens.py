"""Links with which a screen on a wall shows figures, or anyone a review. Pure; `screen_store` stores them.

A link for a review has the address of the review as its name.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

# The path of a link, before its token.
WALL, SHARED = "/wall/", "/shared/"
# What the name of a link for a review begins with, and how long the link works.
SHARED_REVIEW, SHARED_FOR = "/review?", timedelta(days=7)
LINK_IS_OVER = (
    "This link does not work",
    "It was removed, or it is too old. Ask for another one: owners create those of screens, under Settings.",
)
# A forgotten link ends by itself.
LONGEST_DAYS = 366
MOST_SCREENS, MOST_SHARED = 50, 1000
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
    made_by: str = ""

    @property
    def review(self) -> str:
        """The query of the review that the link shows; "" if it is one for a screen."""
        return self.name.removeprefix(SHARED_REVIEW) if self.name.startswith(SHARED_REVIEW) else ""

    def is_valid(self, now: datetime) -> bool:
        return now < self.expires_at

    def is_stale(self, now: datetime) -> bool:
        """Return whether the recorded last use is too old."""
        return self.seen_at is None or now - self.seen_at >= SEEN_EVERY
