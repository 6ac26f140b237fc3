"""Read mirrors while a server runs: after deploys came or went, and again for commits that were missing."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from gitdailies_core.deploys.service_paths import NO_PATHS, ServicePaths
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.events.store import EventStore
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors import rows
from gitdailies_dora.mirrors.lookup import MirrorLookup
from gitdailies_dora.mirrors.repository import Mirror

# After how many seconds missing commits are looked up again: at first, and at most.
FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
# After how many seconds a mirror is read in any case: another server on the same database may have
# stored events.
LOOK_SECONDS = 600.0
# Events come in groups. One lookup after this time serves all of them.
_CALM_SECONDS = 0.5


class MirrorWorker:
    """Reads mirrors. `start` it in the event loop of its store; `stop` it before the store closes."""

    def __init__(
        self,
        store: EventStore,
        mirrors: Mapping[str, Path],
        settings: FigureSettings,
        clock: Callable[[], datetime],
        log: Any,
        paths: ServicePaths = NO_PATHS,
    ) -> None:
        self._store = store
        self._paths = paths
        self._settings = settings
        self._clock = clock
        self._log = log
        self._mirrors = {settings.repo(repo): Mirror(path) for repo, path in mirrors.items()}
        self._due = dict.fromkeys(self._mirrors, 0.0)
        # The missing commits of a repository, and after how many seconds they are looked up again.
        self._missing: dict[str, tuple[frozenset[str], float]] = {}
        self._faults: dict[str, str] = {}
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
        """Look at a repository soon, since events of it came or went. *repo* is its folded name."""
        if repo in self._due:
            self._due[repo] = min(self._due[repo], asyncio.get_running_loop().time() + _CALM_SECONDS)
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        await self._guarded(self._delete_unmirrored())
        # Without a mirror there is nothing to wait for.
        while self._due:
            self._wake.clear()
            for repo in [repo for repo, at in self._due.items() if at <= loop.time()]:
                self._due[repo] = math.inf
                pause = await self._guarded(self._look_up(repo))
                self._due[repo] = min(
                    self._due[repo], loop.time() + (FIRST_SECONDS if pause is None else pause)
                )
            # Not by `wait_for`: in Python 3.11 it loses a cancellation in the moment at which the wait ends.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._due.values())):
                    await self._wake.wait()

    async def _guarded(self, work: Coroutine[Any, Any, float]) -> float | None:
        try:
            return await work
        except Exception as error:  # noqa: BLE001  one failed lookup must not prevent the next
            self._log.error("mirrors cannot be read", reason=describe_error(error))
        return None

    async def _delete_unmirrored(self) -> float:
        # A worker before this one may have passed facts to the store that are not written yet. Wait for
        # them, since they may be about a mirror that is no longer named.
        await self._store.write(lambda _: None, patient=True)
        mirrored = [*self._mirrors]
        if await self._store.read(partial(rows.unmirrored, mirrored=mirrored)):
            delete = partial(
                rows.delete_unmirrored, mirrored=mirrored, settings=self._settings, now=self._now()
            )
            await self._store.write(delete, patient=True)
        return 0.0

    async def _look_up(self, repo: str) -> float:
        """Find the commits of a repository's deploys; return the seconds until the next lookup."""
        state = await self._store.read(partial(rows.read_state, repo=repo, settings=self._settings))
        if not state.deploys_by_place and not state.commits and not state.deploy_commits:
            # Report a mirror that cannot be read before the first deploy needs it.
            self._report(repo, await asyncio.to_thread(self._mirrors[repo].fault))
            return LOOK_SECONDS
        lookup = MirrorLookup(self._mirrors[repo], state, self._paths.get(repo, {}))
        done = False
        while not done:
            found = await asyncio.to_thread(lookup.next_facts)
            done = found.done
            await self._store.write(
                partial(rows.save, repo=repo, state=state, found=found, now=self._now()), patient=True
            )
        self._report(repo, lookup.fault)
        return self._pause(repo, lookup)

    def _pause(self, repo: str, lookup: MirrorLookup) -> float:
        """Return the seconds until the next lookup; while a commit is missing they double each time."""
        missing, (commits, before) = lookup.missing, self._missing.get(repo, (frozenset(), 0.0))
        if not missing and not lookup.fault:
            self._missing.pop(repo, None)
            return LOOK_SECONDS
        same = before and missing == commits
        seconds = min(2 * before, LONGEST_SECONDS) if same else FIRST_SECONDS
        self._missing[repo] = missing, seconds
        return seconds

    def _report(self, repo: str, fault: str) -> None:
        """Log once that a mirror cannot be read, and once that it can be read again."""
        if fault == self._faults.get(repo, ""):
            return
        self._faults[repo] = fault
        if fault:
            self._log.error("mirror cannot be read", repo=repo, reason=fault)
        else:
            self._log.info("mirror can be read again", repo=repo)

    def _now(self) -> int:
        return to_us(self._clock())
