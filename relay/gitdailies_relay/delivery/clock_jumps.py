"""A wall clock that is corrected while events wait: their times came from the wrong clock."""

from __future__ import annotations

from gitdailies_core import retry
from gitdailies_server.storage.database import Session

# Larger than NTP slew between two checks, small enough not to be noticed.
_STEP_SECONDS = 1.0

# Make waiting events due earlier by a number of microseconds.
_EARLIER = "UPDATE outbox SET due_at = due_at - ? WHERE dead_letter IS NULL AND due_at > ?"
# Make events due now that would be due after a given time.
_NOW = "UPDATE outbox SET due_at = ? WHERE dead_letter IS NULL AND due_at > ?"


class ClockComparison:
    """Compares the wall clock with the monotonic one at every call. Times are in seconds."""

    def __init__(self) -> None:
        self._difference: float | None = None

    def set_back(self, wall: float, monotonic: float) -> float:
        """Return by how many seconds the wall clock was set back since the last call, or 0."""
        difference, before = wall - monotonic, self._difference
        self._difference = difference
        step = 0.0 if before is None else before - difference
        return step if step > _STEP_SECONDS else 0.0


def make_due_earlier(session: Session, seconds: float, now: int) -> None:
    """Make waiting events due as much earlier as the clock was set back, to keep their waits as meant."""
    session.execute(_EARLIER, (int(seconds * 1e6), now))


def make_due_overlong(session: Session, now: int) -> None:
    """Make events due that wait longer than any retry: the clock was ahead when their times were written."""
    session.execute(_NOW, (now, now + int(retry.LONGEST_RETRY_AFTER_SECONDS * 1e6)))
