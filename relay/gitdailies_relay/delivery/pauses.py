"""Whether a destination is paused, and what ends it: a person, another key, an address that answers."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

from gitdailies_relay.store.store import Store, pause, resume

LOG = structlog.get_logger("gitdailies.relay")

MANUAL, KEY, ADDRESS = "manual", "key", "address"
# A wrong address may be a receiver that is being replaced: it is asked again now and then. So
# is one that refused the key, though seldom, since that may count against us there.
PROBE_SECONDS = {KEY: 300.0, ADDRESS: 15.0}


class Pauses:
    """The pauses of one destination. Every method may raise StoreUnavailable."""

    def __init__(self, store: Store, name: str, environ: Mapping[str, str]) -> None:
        self._store = store
        self._name = name
        self._environ = environ
        self._refused: Secret | None = None
        # Several attempts may find out about it at once.
        self._beginning = False

    async def current(self) -> str:
        """Return by what the destination is paused, or ""."""
        return (await self._store.paused(self._name))[0]

    async def lifted(self, key: SecretSource) -> bool:
        """End a pause by *key*, should that hold another one by now."""
        if await self.current() != KEY or self._refused is None:
            return False
        try:
            changed = key.read(self._environ) != self._refused
        except ConfigurationError:
            return False
        if changed:
            await self.end(KEY, why="there is a new key")
        return changed

    async def begin(self, what: str, why: str, key: Secret | None) -> None:
        """Pause for a refused *key* (None: it cannot be read) or a wrong address."""
        if not self._beginning and not await self.current():
            LOG.error("destination paused", what=what, reason=why)
        self._refused, self._beginning = key or Secret(""), True
        try:
            await self._store.run(lambda session: pause(session, self._name, what, why))
        finally:
            self._beginning = False

    async def end(self, *kinds: str, why: str = "") -> None:
        """End a pause of one of *kinds*, and let everything that waits be tried at once."""
        if await self.current() in kinds:
            LOG.info("destination resumed", reason=why)
            await self._store.run(lambda connection: resume(connection, self._name))
