"""Answers that are kept until the rows change.

An answer says as of when it is, and it holds every event until then. While no event has come since, it is
the answer still, but for what the clock changes: days that go on, and deploys that settle. So it is kept
for a minute at most.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.events.store import EventStore

Result = TypeVar("Result")

# How many answers are kept, and for how long.
MOST_KEPT = 100
KEPT_US = 60_000_000


class AnswerCache:
    """Keeps the answers of one store with the same settings."""

    def __init__(self, store: EventStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[change_log.Version, int, Any]] = OrderedDict()

    async def ask(self, key: Hashable, work: Callable[[Session], Result]) -> Result:
        """Return the kept answer to the question *key*, or that of *work*, which the readers run."""
        now = to_us(self._clock())
        version = await self._store.read(partial(change_log.version, now=now))
        if version is None:
            return await self._store.ask(work)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version and 0 <= now - kept[1] < KEPT_US:
            self._kept.move_to_end(key)
            return cast("Result", kept[2])
        result = await self._store.ask(work)
        self._kept[key] = version, now, result
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return result
