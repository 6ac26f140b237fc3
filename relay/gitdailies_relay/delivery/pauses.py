"""Whether a destination is paused, and what ends a pause: a person, a new key, an answer to a probe."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import structlog
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.retry import ADDRESS, KEY, RECEIVER
from gitdailies_core.values.secret import Secret

from gitdailies_relay.store.store import RelayStore, end_pause, pause

LOG = structlog.get_logger("gitdailies.relay")

# A person's pause; the others are named in core. These are values of the store, of JSON and of metrics.
MANUAL = "manual"
KINDS = (MANUAL, KEY, ADDRESS, RECEIVER)
AUTOMATIC = (KEY, ADDRESS, RECEIVER)
# The longest wait between two probes. The first ones follow soon: several events may have been refused
# for reasons of their own. A receiver that refused the key is probed seldom, because it may count that.
PROBE_SECONDS = {KEY: 300.0, ADDRESS: 15.0, RECEIVER: 15.0}
FIRST_PROBE_SECONDS = 0.125
# An event that was never tried may show that only others were refused, so it does not wait as long. After
# so many probes a refused key is beyond doubt.
LONGEST_UNTRIED_SECONDS = 1.0
_DOUBTFUL_KEY_PROBES = 30


class ProbeSchedule:
    """When to probe a destination that is paused. Times are seconds on a clock that does not jump back."""

    def __init__(self, paused_by: str, now: float) -> None:
        self.paused_by = paused_by
        self._probes = 0
        self._since = now

    def due(self, now: float, *, untried: bool = False) -> bool:
        """Whether to probe now; *untried* says that it would be with an event that was never tried."""
        return now >= self._since + self._wait(untried=untried)

    def probed(self, now: float) -> None:
        """Note a probe; the next one comes after twice the time."""
        self._probes += 1
        self._since = now

    def _wait(self, *, untried: bool) -> float:
        longest = PROBE_SECONDS.get(self.paused_by, math.inf)
        if longest == math.inf:
            return longest
        if untried and (self.paused_by != KEY or self._probes < _DOUBTFUL_KEY_PROBES):
            longest = min(longest, LONGEST_UNTRIED_SECONDS)
        return min(longest, FIRST_PROBE_SECONDS * 2.0 ** min(self._probes, 20))


class Pauses:
    """The pauses of one destination. Every method may raise StoreUnavailable."""

    def __init__(self, store: RelayStore, destination: str, environ: Mapping[str, str]) -> None:
        self._store = store
        self._destination = destination
        self._environ = environ
        self._refused_key: Secret | None = None
        self._schedule: ProbeSchedule | None = None
        # Several attempts may find the same fault at once.
        self._beginning = False

    async def current(self) -> str:
        """Return what paused the destination, or ""."""
        return (await self._store.paused(self._destination))[0]

    def schedule(self, paused_by: str) -> ProbeSchedule:
        """Return when to probe while *paused_by* is what paused the destination."""
        if self._schedule is None or self._schedule.paused_by != paused_by:
            self._schedule = ProbeSchedule(paused_by, time.monotonic())
        return self._schedule

    def probed(self, now: float) -> None:
        """Note a probe."""
        if self._schedule is not None:
            self._schedule.probed(now)

    def none(self) -> None:
        """Note that there is no pause."""
        self._schedule = None

    def key_was_refused(self, key: Secret) -> None:
        """Note a key that was refused, also where that was no reason to pause."""
        self._refused_key = key

    def has_new_key(self, key: SecretSource) -> bool:
        """Whether a key was refused, and *key* holds another one now."""
        if self._refused_key is None:
            return False
        try:
            return key.read(self._environ) != self._refused_key
        except ConfigurationError:
            return False

    def key_may_be_right(self) -> None:
        """Take the key as not refused: it is a new one, or the receiver takes it."""
        self._refused_key = None

    async def begin(self, by: str, reason: str, key: Secret | None) -> None:
        """Pause for a refused *key* (None if it cannot be read), a wrong address or a receiver."""
        if not self._beginning and not await self.current():
            LOG.error("destination paused", by=by, reason=reason)
        if by == KEY:
            self._refused_key = key or Secret("")
        self._beginning = True
        try:
            await self._store.run(lambda session: pause(session, self._destination, by, reason))
        finally:
            self._beginning = False

    async def end(self, *kinds: str, reason: str = "") -> bool:
        """End a pause by one of *kinds*; return whether there was one."""
        if await self.current() not in kinds:
            return False
        LOG.info("destination resumed", reason=reason)
        await self._store.run(lambda session: end_pause(session, self._destination))
        return True
