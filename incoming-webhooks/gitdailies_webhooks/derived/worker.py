"""Keeps derived rows up to date beside a server: a second after an event at most, little by little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.update import Looked, advance
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.settings import Settings

# Figures may be this old; whoever asks meanwhile waits no longer for newer ones.
PAUSE_SECONDS = 1.0
WAIT_SECONDS = 2.0
# What is more than this is not waited for: it takes longer than anybody wants to.
WAIT_EVENTS = 2000
# Events that arrive wait as long as one turn of deriving takes.
_TURN_SECONDS = 0.04
# A turn has a dozen statements however little it looks at.
_LEAST, _MOST = 64, 1000


class Deriver:
    """Derives what is due; `start` it in the event loop of its store, `stop` it before the store closes.

    *changed* is called with each repository that was derived.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        clock: Callable[[], datetime],
        log: Any,
        changed: Callable[[str], None] = lambda _repo: None,
    ) -> None:
        self.settings = settings
        self._store = store
        self._clock = clock
        self._log = log
        self._changed = changed
        self._turn = asyncio.Lock()
        self._settled = False
        self._most = _LEAST
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def catch_up(self) -> None:
        """Derive what is due, for as long as whoever asks may wait."""
        now = to_us(self._clock())
        waiting = await self._store.read(partial(change_log.waiting, now=now, most=WAIT_EVENTS))
        if 0 < waiting < WAIT_EVENTS or not self._settled:
            with suppress(TimeoutError, StoreUnavailable):
                await asyncio.wait_for(self.derive(), WAIT_SECONDS)

    async def derive(self) -> None:
        """Derive all that is due; one caller at a time."""
        async with self._turn:
            unsettled = partial(rows.unsettled, settings=self.settings)
            while not self._settled and await self._store.read(unsettled):
                settle = partial(rows.settle, settings=self.settings, most=_MOST)
                self._settled = await self._store.write(settle)
            now = to_us(self._clock())
            waiting = await self._store.read(partial(change_log.waiting, now=now, most=1)) > 0
            while waiting:
                most = self._most
                looked = await self._store.write(partial(self._advance, now=now, most=most))
                for repo in looked.repos:
                    self._changed(repo)
                waiting = looked.events == most

    def _advance(self, session: Session, now: int, most: int) -> Looked:
        """Look at up to *most* events, and measure how many fit into a turn."""
        began = time.perf_counter()
        # Whoever started last with other settings has the rows; answers here come from the events.
        if rows.unsettled(session, self.settings):
            return Looked(0, frozenset())
        looked = advance(session, self.settings, now, most)
        fits = most * _TURN_SECONDS / (time.perf_counter() - began)
        if looked.events == most or fits < most:
            self._most = min(max(int(fits), _LEAST, most // 2), _MOST, most * 2)
        return looked

    async def _run(self) -> None:
        while True:
            try:
                await self.derive()
            except GitDailiesError as error:
                self._log.error("figures are behind", reason=describe_error(error))
            except Exception as error:  # noqa: BLE001  a fault of one turn must not end the next
                self._log.error("figures are behind", reason=describe_error(error))
            await asyncio.sleep(PAUSE_SECONDS)
