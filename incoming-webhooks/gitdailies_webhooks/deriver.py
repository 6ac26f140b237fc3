"""Keeps derived rows up to date beside a server: a second after an event at most, a repository at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_server.logs import told
from gitdailies_server.moments import to_us

from gitdailies_webhooks import derived
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.store import Store

# Figures may be this old; whoever asks meanwhile waits no longer for newer ones.
PAUSE_SECONDS = 1.0
WAIT_SECONDS = 2.0


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
        if await self._store.read(partial(derived.behind_since, now=now)) is not None:
            with suppress(TimeoutError, StoreUnavailable):
                await asyncio.wait_for(self.derive(), WAIT_SECONDS)

    async def derive(self) -> None:
        """Derive every repository that is behind; one caller at a time."""
        async with self._turn:
            now = to_us(self._clock())
            unsettled = partial(derived.unsettled, settings=self.settings)
            if not self._settled and await self._store.read(unsettled):
                await self._store.write(partial(derived.settle, settings=self.settings, now=now))
                self._settled = True
            for repo in await self._store.read(partial(derived.due, now=now)):
                compare = partial(derived.compare, repo=repo, settings=self.settings, now=now)
                update = await self._store.read(compare)
                await self._store.write(partial(derived.apply, update=update))
                self._changed(repo)

    async def _run(self) -> None:
        while True:
            try:
                await self.derive()
            except GitDailiesError as error:
                self._log.error("figures are behind", reason=told(error))
            except Exception as error:  # noqa: BLE001  a fault of one turn must not end the next
                self._log.error("figures are behind", reason=told(error))
            await asyncio.sleep(PAUSE_SECONDS)
