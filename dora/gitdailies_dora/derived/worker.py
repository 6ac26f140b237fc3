"""Keeps the derived rows up to date while a server runs: within a second of an event, little by little."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.round_trips import only_if, read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.derived.model import rows
from gitdailies_dora.derived.update import packed_weeks
from gitdailies_dora.derived.update.advance import Progress, advance
from gitdailies_dora.events.records import change_log
from gitdailies_dora.events.store import EventStore
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings
from gitdailies_dora.sql import statistics

if TYPE_CHECKING:
    from gitdailies_dora.derived.update.packing import Packed

Result = TypeVar("Result")

# Without a request, the rows are at most this old.
PAUSE_SECONDS = 1.0
# A request waits this long at most for newer rows.
WAIT_SECONDS = 2.0
# With more events to derive than this, a request does not wait: it would take too long.
WAIT_EVENTS = 2000
# How long after a long list the next one may come. An import sends thousands of them, one after the other.
LIST_SECONDS = 0.5
# Without a change, weeks that are over by now are looked for this often.
PACK_SECONDS = 600.0
# How long a step may take: arriving events wait for it.
_STEP_SECONDS = 0.04
# The number of events of such a step. A step has a dozen statements and a commit, however few events it has.
_LEAST, _MOST = 200, 1000
# A step is this much longer once no event has arrived for a while. An event costs half as much in it.
_LONGER = 4
_QUIET_US = 1_000_000


def _collect(session: Session, settings: FigureSettings, now: int) -> "Packed | None":
    week = packed_weeks.next_week(session, settings.zone, now)
    if week is None:
        return None
    # It loads NumPy, which a server without such a week may never need.
    from gitdailies_dora.derived.update import packing

    return packing.collect(session, week, settings.renames)


def _found(session: Session, settings: FigureSettings, now: int) -> tuple[str, bool, bool]:
    """Read who made the rows, if a newer release did; whether they are outdated; and whether events wait."""
    waiting, newer, outdated = read_together(
        session,
        partial(change_log.count_pending, session, now, most=1),
        partial(rows.newer_definitions, session),
        partial(rows.outdated, session, settings),
    )
    return newer, outdated, waiting > 0


def _if_complete(session: Session, work: Callable[[Session], Result], now: int) -> list[Result]:
    """Return what *work* does, if the rows are up to date, or so far behind that a request does not wait."""

    def is_complete() -> bool:
        return not 0 < change_log.count_pending(session, now, WAIT_EVENTS) < WAIT_EVENTS

    return only_if(session, is_complete, partial(work, session))


class Deriver:
    """Updates the derived rows. `start` it in the event loop of its store, `stop` it before the store closes.

    *changed* is called with each repository whose rows changed.
    """

    def __init__(
        self,
        store: EventStore,
        settings: FigureSettings,
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
        self._is_reset = self._has_looked = False
        self._newer = ""
        self._most = _LEAST
        self._growth = statistics.Growth()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        # How many long lists are being taken, and the moment until which the next one may come.
        self._lists = 0
        self._lists_until = 0.0
        # The moment of the monotonic clock at which to look for weeks to pack.
        self._pack_again = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop for good: wait for steps that requests began, and ignore later calls of `derive`.

        A request that began with earlier settings would otherwise delete the rows of the current ones.
        """
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        async with self._turn:
            pass

    @contextmanager
    def taking_list(self) -> Iterator[None]:
        """Note that a long list is being taken: meanwhile, and shortly after it, little is derived.

        Deriving and taking lists share one interpreter and one writer, and an import waits for its lists.
        """
        self._lists += 1
        try:
            yield
        finally:
            self._lists -= 1
            self._lists_until = time.monotonic() + LIST_SECONDS

    async def current(self, make: Callable[[], Callable[[Session], Result]]) -> Result:
        """Return what a question reads when the rows are up to date.

        *make* returns the question of this moment. If the rows were behind, it is called again, since they
        may include later events.
        """
        work = make()
        if self._has_looked:
            found = await self._store.ask(partial(_if_complete, work=work, now=to_us(self._clock())))
            if found:
                return found[0]
        await self.catch_up()
        return await self._store.ask(make())

    async def catch_up(self) -> None:
        """Update the rows for a request, unless that takes longer than a request may wait."""
        now = to_us(self._clock())
        waiting = await self._store.read(partial(change_log.count_pending, now=now, most=WAIT_EVENTS))
        if 0 < waiting < WAIT_EVENTS or not self._is_reset:
            with suppress(TimeoutError, StoreUnavailable):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self.derive()

    async def derive(self, *, patient: bool = False) -> None:
        """Update the rows with every event that is due; one caller at a time.

        While long lists arrive, a *patient* caller makes one step and leaves the others for later.
        """
        if self._stopped:
            return
        async with self._turn:
            now = to_us(self._clock())
            # One question, since an idle server asks it every second.
            newer, outdated, pending = await self._store.read(
                partial(_found, settings=self.settings, now=now)
            )
            self._say_newer(newer)
            self._has_looked = True
            while outdated and not self._is_reset:
                reset = partial(rows.reset, settings=self.settings, most=_MOST)
                self._is_reset = await self._store.write(reset, patient=True)
                pending = True
            while pending:
                longer = not self._takes_lists()
                progress, most = await self._store.write(
                    partial(self._advance, now=now, longer=longer), patient=True
                )
                self._pack_again = 0.0
                for repo in progress.repos:
                    self._changed(repo)
                if self._growth.add(progress.events):
                    # One by one, because arriving events wait for each.
                    for table in statistics.TABLES:
                        await self._store.write(partial(statistics.refresh, table=table), patient=True)
                pending = progress.events == most and not (patient and self._takes_lists())

    def _say_newer(self, newer: str) -> None:
        """Log once that a newer release made the rows, which this server leaves alone."""
        if newer and not self._newer:
            self._newer = newer
            reason = (
                f"they follow definitions {newer}, and this server knows {DEFINITIONS}; upgrade this server"
            )
            self._log.error("figures are left to a newer release", reason=reason)

    async def pack(self) -> bool:
        """Pack one week, if one is over that is not packed; return whether there was one.

        Where none is left, it looks again after a step of deriving, or after a while.
        """
        if self._stopped or time.monotonic() < self._pack_again:
            return False
        async with self._turn:
            now = to_us(self._clock())
            if await self._store.read(partial(change_log.count_pending, now=now, most=1)):
                return False
            found = await self._store.read(partial(_collect, settings=self.settings, now=now))
            if found is None:
                self._pack_again = time.monotonic() + PACK_SECONDS
            else:
                await self._store.write(partial(self._keep, found=found), patient=True)
        return found is not None

    def _keep(self, session: Session, found: "Packed") -> None:
        from gitdailies_dora.derived.update import packing

        if not rows.outdated(session, self.settings):
            packing.keep(session, found, self.settings.renames)

    def _advance(self, session: Session, now: int, *, longer: bool) -> tuple[Progress, int]:
        """Derive the next events; return also up to how many. Measure how many of them fit into a step.

        The step may be a longer one, if no other server receives events.
        """
        began = time.perf_counter()
        last = change_log.last_received(session) if longer else None
        is_quiet = longer and (last is None or to_us(self._clock()) - last > _QUIET_US)
        factor = _LONGER if is_quiet else 1
        most = self._most * factor
        # A server that started later with other settings now owns the rows. This one answers from events.
        if rows.outdated(session, self.settings):
            return Progress(0, frozenset()), most
        progress = advance(session, self.settings, now, most)
        fits = self._most * _STEP_SECONDS * factor / (time.perf_counter() - began)
        if progress.events == most or fits < self._most:
            self._most = min(max(int(fits), _LEAST, self._most // 2), _MOST, self._most * 2)
        return progress, most

    def _takes_lists(self) -> bool:
        return self._lists > 0 or time.monotonic() < self._lists_until

    async def _run(self) -> None:
        while True:
            pause = PAUSE_SECONDS
            try:
                await self.derive(patient=True)
                if await self.pack():
                    pause = 0.0
            except GitDailiesError as error:
                self._log.error("figures are behind", reason=describe_error(error))
            except Exception as error:  # noqa: BLE001  a fault of one step must not end the next
                self._log.error("figures are behind", reason=describe_error(error))
            await asyncio.sleep(pause)
