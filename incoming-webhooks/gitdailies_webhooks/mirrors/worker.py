"""Reads mirrors beside a server: when deploys came or went, and later again for what they lacked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from gitdailies_core.errors import GitDailiesError
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.settings import Settings, folded
from gitdailies_webhooks.mirrors import rows
from gitdailies_webhooks.mirrors.lookup import Asking
from gitdailies_webhooks.mirrors.repository import Mirror

# How long until a mirror is asked again for what it lacked: at first, and at most.
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
# Another server on the same database may have taken events that this one was not told of.
LOOK_SECONDS = 600.0
# Events come in groups, and one look does for all of them.
_CALM_SECONDS = 0.5


class _Lacking(NamedTuple):
    commits: frozenset[str]
    seconds: float


class MirrorReader:
    """Reads mirrors; `start` it in the event loop of its store, `stop` it before the store closes."""

    def __init__(
        self,
        store: Store,
        mirrors: Mapping[str, Path],
        settings: Settings,
        clock: Callable[[], datetime],
        log: Any,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._log = log
        self._mirrors = {folded(repo): Mirror(path) for repo, path in mirrors.items()}
        self._due = dict.fromkeys(self._mirrors, 0.0)
        self._lacking: dict[str, _Lacking] = {}
        self._said: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        for mirror in self._mirrors.values():
            mirror.stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def changed(self, repo: str) -> None:
        """Say that events of a repository, named as names are compared, came or went."""
        if repo in self._due:
            self._due[repo] = min(self._due[repo], asyncio.get_running_loop().time() + _CALM_SECONDS)
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await self._guarded(self._forget())
        # Where there is no mirror there is nothing to wait for.
        while self._due:
            self._wake.clear()
            for repo in [repo for repo, at in self._due.items() if at <= loop.time()]:
                self._due[repo] = math.inf
                pause = await self._guarded(self._look(repo))
                self._due[repo] = min(
                    self._due[repo], loop.time() + (FIRST_SECONDS if pause is None else pause)
                )
            with suppress(TimeoutError):
                seconds = min(self._due.values()) - loop.time()
                await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))

    async def _guarded(self, work: Coroutine[Any, Any, float]) -> float | None:
        try:
            return await work
        except GitDailiesError as error:
            self._log.error("mirrors are not read", reason=describe_error(error))
        except Exception as error:  # noqa: BLE001  a fault of one turn must not end the next
            self._log.error("mirrors are not read", reason=describe_error(error))
        return None

    async def _forget(self) -> float:
        # What a reader before this one has handed over is written even after it stopped: one that wrote
        # for a mirror that is no longer named would not be seen yet.
        await self._store.write(_nothing)
        forget = partial(rows.forget, mirrored=[*self._mirrors], now=self._now())
        if await self._store.read(partial(rows.forgotten, mirrored=[*self._mirrors])):
            await self._store.write(forget)
        return 0.0

    async def _look(self, repo: str) -> float:
        """Find and tell all that can be told of a repository; return the seconds until another look."""
        standing = await self._store.read(
            partial(rows.standing, repo=repo, settings=self._settings, now=self._now())
        )
        if not standing.places and not standing.commits and not standing.told:
            # What is wrong is said before the first deploy needs it.
            self._say(repo, await asyncio.to_thread(self._mirrors[repo].fault))
            return LOOK_SECONDS
        asking = Asking(self._mirrors[repo], standing)
        done = False
        while not done:
            found = await asyncio.to_thread(asking.next)
            done = found.done
            await self._store.write(
                partial(rows.keep, repo=repo, standing=standing, found=found, now=self._now())
            )
        self._say(repo, asking.fault)
        return self._pause(repo, asking)

    def _pause(self, repo: str, asking: Asking) -> float:
        """Return the seconds until another look: sooner where something was not found, and ever later."""
        lacking, before = asking.lacking, self._lacking.get(repo, _Lacking(frozenset(), 0.0))
        if not lacking and not asking.fault:
            self._lacking.pop(repo, None)
            return LOOK_SECONDS
        same = before.seconds and lacking == before.commits
        seconds = min(2 * before.seconds, LONGEST_SECONDS) if same else FIRST_SECONDS
        self._lacking[repo] = _Lacking(lacking, seconds)
        return seconds

    def _say(self, repo: str, fault: str) -> None:
        """Say once that a mirror cannot be read, and once that it can again."""
        if fault == self._said.get(repo, ""):
            return
        self._said[repo] = fault
        if fault:
            self._log.error("mirror cannot be read", repo=repo, reason=fault)
        else:
            self._log.info("mirror can be read again", repo=repo)

    def _now(self) -> int:
        return to_us(self._clock())


def _nothing(_: Session) -> None:
    """Write nothing, which is done once all is that was handed over before."""
