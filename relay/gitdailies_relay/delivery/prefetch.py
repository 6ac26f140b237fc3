"""The heads that may be sent next: asked of the store many at a time, since asking costs as much for one."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from gitdailies_relay.store.outbox import Due
from gitdailies_relay.store.store import Store

# What commands change meanwhile (a replay, a pause) is seen after this long.
_FRESH_SECONDS = 0.25


class Heads:
    """Heads that were due when they were asked for; whoever sends one takes it away first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ready: dict[int, Due] = {}
        self._asked_at = float("-inf")

    async def ready(self, wanted: int, flying: AbstractSet[int], most: int, now: float) -> list[Due]:
        """Return heads, longest waiting first, and more than *wanted* if there are as many.

        *flying* are on their way already; of others up to *most* are asked for at a time, which is
        no less than *wanted*. *now* is seconds on a clock that nobody sets.
        """
        if len(self._ready) <= wanted or now - self._asked_at > _FRESH_SECONDS:
            found = await self._store.due(1 + most + len(flying))
            self._ready = {head.seq: head for head in found if head.seq not in flying}
            self._asked_at = now
        return list(self._ready.values())

    def take(self, heads: Sequence[Due]) -> Sequence[Due]:
        """Take *heads* away, from here or from wherever, and return them."""
        for head in heads:
            self._ready.pop(head.seq, None)
        return heads
