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
from typing import Any, NamedTuple, TypeVar, cast

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.events.records import change_log
from gitdailies_dora.events.store import EventStore

Result = TypeVar("Result")

# How many answers are kept, how many bytes they have in all, and for how long.
MOST_KEPT = 100
MOST_BYTES = 8_000_000
KEPT_US = 60_000_000


class _Kept(NamedTuple):
    """An answer, its size in bytes, and which rows it was made of, and when."""

    version: change_log.Version
    at: int
    size: int
    answer: Any


class AnswerCache:
    """Keeps the answers of one store with the same settings; *size* returns the bytes of one."""

    def __init__(
        self, store: EventStore, clock: Callable[[], datetime], size: Callable[[Any], int] = lambda _: 0
    ) -> None:
        self._store = store
        self._clock = clock
        self._size = size
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def ask(self, key: Hashable, work: Callable[[Session], Result]) -> Result:
        """Return the kept answer to the question *key*, or that of *work*, which the readers run."""
        now = to_us(self._clock())
        version = await self._store.read(partial(change_log.version, now=now))
        if version is None:
            return await self._store.ask(work)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version and 0 <= now - kept.at < KEPT_US:
            self._kept.move_to_end(key)
            return cast("Result", kept.answer)
        result = await self._store.ask(work)
        self._keep(key, _Kept(version, now, self._size(result), result))
        return result

    def _keep(self, key: Hashable, new: _Kept) -> None:
        if new.size > MOST_BYTES:
            return
        self._kept[key] = new
        self._kept.move_to_end(key)
        size = sum(kept.size for kept in self._kept.values())
        while len(self._kept) > MOST_KEPT or size > MOST_BYTES:
            _, dropped = self._kept.popitem(last=False)
            size -= dropped.size
