"""Whether a server can store now: its store can be written, knows this version, and does not hang."""

import asyncio
import secrets
from typing import Any, Protocol

from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Database, reason
from gitdailies_server.storage.group_commit import ANSWER_SECONDS, GroupWriter

# Probes come every few seconds, and from any client. They must not decide how often the disk syncs.
READY_SECONDS = 1.0
# A scrape asks the writer too: a quiet server would show an old fault, or none. It does not wait long for it.
SCRAPE_SECONDS = 1.0
# On a full disk there may still be room for a row, and none for a batch of events.
_LARGE_BYTES = 256 * 1024


class ProbedStore(Protocol):
    """What readiness needs of a store."""

    database: Database
    writer: GroupWriter[Any, Any]

    async def touch(self, text: str) -> str:
        """Write *text* somewhere; return why this version may not use the store, or "".

        Raises StoreUnavailable.
        """


class Readiness:
    """Readiness of one server. Set `stopping` before its listeners close."""

    def __init__(self, store: ProbedStore) -> None:
        self.stopping = False
        self.store = store
        # Why this version may not use the store, or "".
        self.unfit = ""
        self._ready_until = 0.0
        self._probe: asyncio.Task[str] | None = None

    @property
    def answers(self) -> bool:
        """Whether the store seems to answer: otherwise do not read it. Any thread may ask."""
        # Reading a file waits for no writer.
        return self.store.database.is_local or (
            self.store.writer.waiting_seconds < ANSWER_SECONDS and (self._probe is None or self._probe.done())
        )

    async def probe(self, seconds: float | None = None) -> str:
        """Return why no event can be stored now, or "". It writes, because a full disk shows there first.

        It takes at most *seconds*, by default as long as a sender waits.
        """
        if self.stopping:
            return "the server is stopping"
        failing = self.store.writer.fault
        if self.store.writer.waiting_seconds >= ANSWER_SECONDS:
            return failing
        if not failing and asyncio.get_running_loop().time() < self._ready_until:
            return ""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask(large=bool(failing)))
        done, _ = await asyncio.wait({self._probe}, timeout=ANSWER_SECONDS if seconds is None else seconds)
        return done.pop().result() if done else "the store does not answer in time"

    async def _ask(self, *, large: bool) -> str:
        try:
            self.unfit = await self.store.touch(secrets.token_hex(_LARGE_BYTES // 2) if large else "")
        except Exception as error:  # noqa: BLE001  a table or a right may be gone, and a probe is answered
            own = isinstance(error, self.store.database.errors)
            return f"store: {reason(error)}" if own else describe_error(error)
        if not self.unfit:
            self._ready_until = asyncio.get_running_loop().time() + READY_SECONDS
        return self.unfit
