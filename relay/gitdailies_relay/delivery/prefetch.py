"""The events that may be sent next, read from the store many at a time: one costs as much as many."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from gitdailies_relay.store.outbox import ReadyEvent
from gitdailies_relay.store.store import RelayStore

# What commands change (a replay, a pause) is seen after this long.
_FRESH_SECONDS = 0.25


class Prefetch:
    """Events that were ready when they were read. Take an event away before you send it."""

    def __init__(self, store: RelayStore) -> None:
        self._store = store
        self._ready: dict[int, ReadyEvent] = {}
        self._read_at = float("-inf")

    async def ready(
        self, wanted: int, in_flight: AbstractSet[int], most: int, now: float
    ) -> list[ReadyEvent]:
        """Return events, longest waiting first, and more than *wanted* if there are as many.

        Events *in_flight* are left out. Up to *most* others are read at a time, which is no less
        than *wanted*. *now* is seconds on a clock that nobody sets.
        """
        if len(self._ready) <= wanted or now - self._read_at > _FRESH_SECONDS:
            found = await self._store.ready(1 + most + len(in_flight))
            self._ready = {event.seq: event for event in found if event.seq not in in_flight}
            self._read_at = now
        return list(self._ready.values())

    def take(self, events: Sequence[ReadyEvent]) -> Sequence[ReadyEvent]:
        """Take *events* away, wherever they came from, and return them."""
        for event in events:
            self._ready.pop(event.seq, None)
        return events
