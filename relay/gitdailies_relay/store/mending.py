"""Mend what a wrong clock wrote, so that it does not hold up events.

A wall clock may be corrected while events wait: then their times came from the wrong clock.
"""

from gitdailies_connection.config.sections.sources import LONGEST_HOLD
from gitdailies_core.values import http_answers
from gitdailies_server.storage.database import Session

# Larger than NTP slew between two checks, small enough not to be noticed.
_STEP_SECONDS = 1.0

# After a larger step, or a start so long after the last write, nothing is deleted for a while: the clock
# may be wrong, and what it makes look old would be gone.
_DOUBTFUL_STEP_SECONDS = 60.0
_DOUBTFUL_GAP_SECONDS = 86_400.0
HOLD_SECONDS = 3600.0

# Make waiting events due earlier by a number of microseconds.
_EARLIER = (
    "UPDATE outbox SET due_at = due_at - ?, held_until = held_until - ?"
    " WHERE dead_letter IS NULL AND due_at > ?"
)
# Make events due now that would be due after a given time.
_NOW = "UPDATE outbox SET due_at = ? WHERE dead_letter IS NULL AND due_at > ? AND held_until IS NULL"
# End holds that are longer than any may be.
_END_HOLDS = "UPDATE outbox SET held_until = ?, due_at = ? WHERE held_until > ?"
# Move the times from which an event's age counts. Only events that were tried have one.
_AGES = (
    "UPDATE outbox SET first_attempt_at = first_attempt_at + ?, refused_at = refused_at + ?"
    " WHERE is_next = 1 AND dead_letter IS NULL AND attempts > 0"
)
# When the last attempt and the last delivery were stored.
_LAST_WRITTEN = (
    "SELECT coalesce((SELECT at FROM attempts ORDER BY seq DESC LIMIT 1), 0),"
    " coalesce((SELECT received_at FROM deliveries ORDER BY seq DESC LIMIT 1), 0)"
)


class ClockComparison:
    """Compares the wall clock with the monotonic one at every call. Times are in seconds."""

    def __init__(self) -> None:
        self._difference: float | None = None

    def step(self, wall: float, monotonic: float) -> float:
        """Return by how many seconds the wall clock was set forward since the last call, or 0.

        It is less than 0 where the clock was set back.
        """
        difference, before = wall - monotonic, self._difference
        self._difference = difference
        step = 0.0 if before is None else difference - before
        return step if abs(step) > _STEP_SECONDS else 0.0


class ClockTrust:
    """Whether the wall clock has held for long enough to delete what it makes look old.

    Times are in seconds.
    """

    def __init__(self) -> None:
        self._clocks = ClockComparison()
        self._trusted_from: float | None = None

    def may_delete(self, wall: float, monotonic: float, last_written: float) -> bool:
        """Look at the clock; *last_written* is when the store was written last, or 0."""
        step = self._clocks.step(wall, monotonic)
        if self._trusted_from is None:
            is_doubtful = bool(last_written) and abs(wall - last_written) > _DOUBTFUL_GAP_SECONDS
            self._trusted_from = monotonic + (HOLD_SECONDS if is_doubtful else 0.0)
        elif abs(step) > _DOUBTFUL_STEP_SECONDS:
            self._trusted_from = monotonic + HOLD_SECONDS
        return monotonic >= self._trusted_from


def last_written(session: Session) -> int:
    """Return when an attempt or a delivery was stored last (µs), or 0."""
    return int(max(session.execute(_LAST_WRITTEN).fetchone()))


def make_due_earlier(session: Session, seconds: float, now: int) -> None:
    """Make waiting events due as much earlier as the clock was set back, to keep their waits as meant."""
    earlier = int(seconds * 1e6)
    session.execute(_EARLIER, (earlier, earlier, now))


def move_ages(session: Session, seconds: float) -> None:
    """Keep the ages of events as they are although the clock was set forward, or back below 0."""
    session.execute(_AGES, (int(seconds * 1e6), int(seconds * 1e6)))


def make_due_overlong(session: Session, now: int) -> None:
    """Make events due that wait longer than any retry: the clock was ahead when their times were written."""
    session.execute(_NOW, (now, now + int(http_answers.LONGEST_RETRY_AFTER_SECONDS * 1e6)))
    session.execute(_END_HOLDS, (now, now, now + int(LONGEST_HOLD.total_seconds() * 1e6)))


def mend_after_start(session: Session, now: int, *, is_local: bool) -> None:
    """Mend what a clock that was ahead wrote before this start: nothing was written after *now*.

    In a database that servers share, another one's clock may be ahead, and waits go by the database's.
    """
    ahead = last_written(session) - now if is_local else 0
    if ahead > _STEP_SECONDS * 1e6:
        session.execute(_EARLIER, (ahead, ahead, now))
        move_ages(session, -ahead / 1e6)
    make_due_overlong(session, now)
