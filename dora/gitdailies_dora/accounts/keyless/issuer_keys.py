"""Keep the keys that issuers of ID tokens publish.

A flood of wrong tokens asks an issuer once a minute. If an issuer does not answer, known keys
serve for a day.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitdailies_core.errors import DeliveryError, GitDailiesError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

AT_MOST_EVERY_SECONDS = 60.0
_RENEW_SECONDS, _KEEP_SECONDS = 3600.0, 86_400.0


@dataclass
class _Kept:
    """The keys of an issuer, when they were fetched, when that was tried last, and what went wrong then."""

    keys: "KeySet | None" = None
    fetched_at: float = 0.0
    tried_at: float = float("-inf")
    fault: str = ""
    fetching: asyncio.Task[None] | None = None


class IssuerKeys:
    """The keys of each issuer. Use it inside one event loop."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._kept: dict[str, _Kept] = {}

    async def of(self, issuer: str, key_id: str | None) -> "KeySet":
        """Return the keys of an issuer, fetched again if *key_id* is not among them.

        Raises DeliveryError if there are none to verify with.
        """
        kept, now = self._kept.setdefault(issuer, _Kept()), self._ticks()
        if kept.keys is not None and now >= kept.fetched_at + _KEEP_SECONDS:
            kept.keys = None
        known = kept.keys is not None and (key_id is None or any(key.kid == key_id for key in kept.keys))
        stale = now >= kept.fetched_at + _RENEW_SECONDS
        if (stale or not known) and now >= kept.tried_at + AT_MOST_EVERY_SECONDS:
            kept.tried_at = now
            kept.fetching = asyncio.create_task(self._renew(issuer, kept))
        if not known and kept.fetching is not None:
            # Other requests wait for the same answer.
            await asyncio.shield(kept.fetching)
        if kept.keys is None or (not known and kept.fault):
            raise DeliveryError(f"{issuer}: {kept.fault}")
        return kept.keys

    async def _renew(self, issuer: str, kept: _Kept) -> None:
        # It loads what a server whose jobs have keys never needs.
        from gitdailies_dora.accounts.single_sign_on.provider import published_keys

        try:
            kept.keys = await asyncio.to_thread(published_keys, issuer)
            kept.fetched_at, kept.fault = self._ticks(), ""
        except GitDailiesError as error:
            kept.fault = str(error)
