"""Whether a destination is paused, and what ends a pause: a person, a new key, an address that answers."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from gitdailies_connection.config.secret_source import SecretSource
from gitdailies_core.errors import ConfigurationError
from gitdailies_core.values.secret import Secret

from gitdailies_relay.store.store import RelayStore, pause, resume

LOG = structlog.get_logger("gitdailies.relay")

# What pauses a destination. These are values of the store, of JSON and of metrics.
MANUAL, KEY, ADDRESS = "manual", "key", "address"
# A wrong address may be a receiver that is being replaced, so it is probed now and then. One that
# refused the key is probed too, but seldom, because it may count that against us.
PROBE_SECONDS = {KEY: 300.0, ADDRESS: 15.0}


class Pauses:
    """The pauses of one destination. Every method may raise StoreUnavailable."""

    def __init__(self, store: RelayStore, destination: str, environ: Mapping[str, str]) -> None:
        self._store = store
        self._destination = destination
        self._environ = environ
        self._refused_key: Secret | None = None
        # Several attempts may find the same fault at once.
        self._beginning = False

    async def current(self) -> str:
        """Return what paused the destination, or ""."""
        return (await self._store.paused(self._destination))[0]

    async def end_if_key_changed(self, key: SecretSource) -> bool:
        """End a pause by *key* if that holds another key now; return whether it did."""
        if await self.current() != KEY or self._refused_key is None:
            return False
        try:
            changed = key.read(self._environ) != self._refused_key
        except ConfigurationError:
            return False
        if changed:
            await self.end(KEY, reason="there is a new key")
        return changed

    async def begin(self, by: str, reason: str, key: Secret | None) -> None:
        """Pause for a refused *key* (None if it cannot be read) or a wrong address."""
        if not self._beginning and not await self.current():
            LOG.error("destination paused", by=by, reason=reason)
        self._refused_key, self._beginning = key or Secret(""), True
        try:
            await self._store.run(lambda session: pause(session, self._destination, by, reason))
        finally:
            self._beginning = False

    async def end(self, *kinds: str, reason: str = "") -> None:
        """End a pause by one of *kinds*, and make everything that waits due now."""
        if await self.current() in kinds:
            LOG.info("destination resumed", reason=reason)
            await self._store.run(lambda session: resume(session, self._destination))
