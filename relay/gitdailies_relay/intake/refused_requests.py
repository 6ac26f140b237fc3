"""Counts refused requests, and writes the counts to the store now and then.

Anyone may send wrong requests. So a refusal costs an entry of a bounded table, and no write of its own.
"""

import asyncio
import time
from collections import Counter
from functools import partial
from http import HTTPStatus

import structlog
from gitdailies_core.errors import StoreUnavailable

from gitdailies_relay.store import refusals
from gitdailies_relay.store.refusals import RefusedRequest
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

# Kinds of refusals in an hour. What is beyond them is counted together, by status and source: a sender with
# many addresses must not fill the store.
MOST_KINDS = 500
KINDS_SECONDS = 3600.0
OTHERS = "others"
WRITE_SECONDS = 1.0
LONGEST_REASON = 300
_TOO_MANY = "too many kinds of faults to list apart"


class RefusalCounts:
    """The requests that were refused since the last write. Use it inside one event loop."""

    def __init__(self) -> None:
        self._kinds: set[RefusedRequest] = set()
        self._kinds_until = 0.0
        self._counts: Counter[RefusedRequest] = Counter()
        self._some = asyncio.Event()

    def add(self, source: str, status: int, client: str, reason: str) -> None:
        """Count a request to *source*, "" for a name that is no source, that was refused with *status*."""
        tick = time.monotonic()
        if tick >= self._kinds_until:
            self._kinds.clear()
            self._kinds_until = tick + KINDS_SECONDS
        refused = RefusedRequest(status, source, client, reason[:LONGEST_REASON])
        if refused not in self._kinds and len(self._kinds) >= MOST_KINDS:
            refused = RefusedRequest(status, source, OTHERS, _TOO_MANY)
        else:
            self._kinds.add(refused)
        self._counts[refused] += 1
        self._some.set()

    def add_unparsed(self, status: HTTPStatus, client: str, reason: str) -> None:
        """Count what never reached the application, unless it was refused for lack of room."""
        if status != HTTPStatus.SERVICE_UNAVAILABLE:
            self.add("", status.value, client, reason)

    def take(self) -> Counter[RefusedRequest]:
        """Return the counts, and start again from zero."""
        counts, self._counts = self._counts, Counter()
        self._some.clear()
        return counts

    async def write_forever(self, store: RelayStore) -> None:
        """Save the counts, at most once in WRITE_SECONDS, until this is canceled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(WRITE_SECONDS)
            await self.write(store)

    async def write(self, store: RelayStore) -> None:
        """Save the counts. If that fails, keep counting."""
        counts = self.take()
        if not counts:
            return
        try:
            write = partial(refusals.write, counts=counts, now=store.now())
            await store.run(write, task="refusals")
        except StoreUnavailable as error:
            LOG.error("refusals not stored", reason=str(error))
            self._counts.update(counts)
            self._some.set()
