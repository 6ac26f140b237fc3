"""Wait until the relay on this machine knows a source, and until a delivery of it has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gitdailies_connection.config.sections.settings import RelaySettings
from gitdailies_connection.relay.answers import RelayStatus

from gitdailies_cli.relay import status_text

_STEP_SECONDS = 0.5


@dataclass(frozen=True)
class RelayWatch:
    """Asks the status address of a relay about one source. Tests replace *sleep* and *clock*."""

    relay: RelaySettings
    source: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def answers(self) -> bool:
        """Whether a relay runs here."""
        return status_text.answer(self.relay, status_text.Served) is not None

    def knows_source(self) -> bool:
        """Whether the relay has the source, which it reads from gitdailies.yml at its start and on SIGHUP."""
        status = self._status()
        return status is not None and self.source in status.sources

    def last_delivery(self) -> datetime | None:
        """Return when a delivery of the source came last."""
        status = self._status()
        health = status.sources.get(self.source) if status is not None else None
        return health.last_delivery if health is not None else None

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Ask until *condition* holds, for at most *seconds*; return whether it did."""
        end = self.clock() + seconds
        while not condition():
            if self.clock() >= end:
                return False
            self.sleep(_STEP_SECONDS)
        return True

    def _status(self) -> RelayStatus | None:
        return status_text.answer(self.relay, RelayStatus)
