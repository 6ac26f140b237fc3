"""Wait until the relay on this machine knows a source, and until a delivery of it has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gitdailies_connection.config.settings import RelaySettings

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
        return status_text.answer(self.relay) is not None

    def knows_source(self) -> bool:
        """Whether the relay has the source, which it reads from gitdailies.yml at its start and on SIGHUP."""
        return self.source in self._sources()

    def last_delivery(self) -> str | None:
        """Return when a delivery of the source came last."""
        found = self._sources().get(self.source)
        return found.get("lastDelivery") if isinstance(found, dict) else None

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Ask until *condition* holds, for at most *seconds*; return whether it did."""
        end = self.clock() + seconds
        while not condition():
            if self.clock() >= end:
                return False
            self.sleep(_STEP_SECONDS)
        return True

    def _sources(self) -> dict[str, object]:
        found = (status_text.answer(self.relay) or {}).get("sources")
        return found if isinstance(found, dict) else {}
