"""A bound on how long a block may wait, for blocks that mostly do not wait."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadlines:
    """Deadlines of one length: they end in the order in which they began, so one timer serves all."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[Deadline, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        at = loop.time() + self._seconds
        self._running[deadline] = at
        if self._timer is None:
            self._timer = loop.call_at(at, self._due, loop)

    def finish(self, deadline: Deadline) -> None:
        self._running.pop(deadline, None)

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for deadline, at in list(self._running.items()):
            if at > now:
                self._timer = loop.call_at(at, self._due, loop)
                return
            self.finish(deadline)
            deadline.end()


class Deadline:
    """Cancel what the block waits for when its time is over, and raise TimeoutError in its place.

    As asyncio.timeout, for a fraction of its cost, which the intake pays twice a delivery.
    """

    __slots__ = ("_asked_before", "_of", "_over", "_task")

    def __init__(self, of: Deadlines) -> None:
        self._of = of
        self._over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "a deadline stands inside a task"
        self._task = task
        self._asked_before = task.cancelling()
        self._of.begin(self, task.get_loop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._of.finish(self)
        # Somebody else may have asked the task to end as well; then it does.
        if self._over and self._task.uncancel() <= self._asked_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def end(self) -> None:
        """End the block now; once is enough."""
        if not self._over:
            self._over = True
            self._task.cancel()
