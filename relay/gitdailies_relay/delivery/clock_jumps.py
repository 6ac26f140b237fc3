"""A wall clock that is set right while events wait: their times were told by the wrong one."""

from __future__ import annotations

from gitdailies_core import retry
from gitdailies_server.storage.database import Session

# More than a clock is slewed between two looks at it, less than anybody would notice of a wait.
_STEP_SECONDS = 1.0

_EARLIER = "UPDATE pending SET due_at = due_at - ? WHERE buried IS NULL AND due_at > ?"
_NOW = "UPDATE pending SET due_at = ? WHERE buried IS NULL AND due_at > ?"


class Clock:
    """Two clocks compared again and again: the wall's, and one that nobody sets. In seconds."""

    def __init__(self) -> None:
        self._apart: float | None = None

    def set_back(self, wall: float, monotonic: float) -> float:
        """Return by how many seconds the wall clock was set back since the last look, or 0."""
        apart, before = wall - monotonic, self._apart
        self._apart = apart
        step = 0.0 if before is None else before - apart
        return step if step > _STEP_SECONDS else 0.0


def follow(session: Session, seconds: float, now: int) -> None:
    """Bring what waits as much earlier as the clock was set back, to wait no longer than it was meant to."""
    session.execute(_EARLIER, (int(seconds * 1e6), now))


def catch_up(session: Session, now: int) -> None:
    """Make due what waits longer than anything is made to: the clock was ahead when that was written."""
    session.execute(_NOW, (now, now + int(retry.LONGEST_RETRY_AFTER_SECONDS * 1e6)))
