"""What one DORA server is made of, for everything that answers its requests."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_server.readiness import Readiness
from gitdailies_server.storage.timestamps import to_us, utc_now

from gitdailies_dora.accounts.keyless.issuer_keys import IssuerKeys
from gitdailies_dora.accounts.keys.unknown_keys import UnknownKeys
from gitdailies_dora.derived.worker import Deriver
from gitdailies_dora.events.store import EventStore
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.history.teams import Teams
from gitdailies_dora.operations.metrics import ReceiverMetrics
from gitdailies_dora.operations.relays import Relays


@dataclass(frozen=True, kw_only=True)
class Installation:
    """One server: its store, log and clock, and the settings that it runs with until they change.

    *public* is the address of a proxy in front of it, or "".
    """

    store: EventStore
    log: Any
    deriver: Deriver
    readiness: Readiness
    settings: DoraSettings = field(default_factory=DoraSettings)
    measured: ReceiverMetrics = field(default_factory=ReceiverMetrics)
    clock: Callable[[], datetime] = utc_now
    public: str = ""
    unknown_keys: UnknownKeys = field(default_factory=UnknownKeys)
    issuer_keys: IssuerKeys = field(default_factory=IssuerKeys)

    @cached_property
    def teams(self) -> Teams:
        return Teams(self.settings.teams)

    @cached_property
    def relays(self) -> Relays:
        return Relays(self.settings.relay, os.environ, self.log, self.clock)

    @property
    def figures(self) -> FigureSettings:
        """The settings of the figures."""
        return self.deriver.settings

    def now(self) -> int:
        """Return the present moment, in microseconds since 1970."""
        return to_us(self.clock())
