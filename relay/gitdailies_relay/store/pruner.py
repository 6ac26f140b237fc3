"""Deletes expired rows of a running relay's store, and gives free space back, a step at a time."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import structlog
from gitdailies_connection.config.settings import RelaySettings
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Database, Session, Size

from gitdailies_relay.store.clock_jumps import ClockTrust, last_written
from gitdailies_relay.store.retention import Expired, bytes_to_give_back, delete_expired, find_expired
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

_PRUNE_SECONDS = 3600.0


async def prune_forever(store: RelayStore, settings: RelaySettings) -> None:
    """Prune until nothing is left to do, again every hour. Deliveries come in between two steps.

    After the clock was set, nothing expires for an hour.
    """
    trust = ClockTrust()
    while True:
        more = False
        try:
            written = await asyncio.to_thread(store.report, last_written)
            now = store.clock.now()
            expired: Expired = {}
            if trust.may_delete(now / 1e6, time.monotonic(), written / 1e6):
                expired = await asyncio.to_thread(store.report, partial(_expired, settings, now))
            else:
                LOG.warning("nothing is deleted", reason="the clock may be wrong")
            if expired:
                await store.run(partial(delete_expired, expired=expired))
            more = bool(expired) or await _give_back(store)
        except StoreUnavailable as error:
            LOG.error("store cannot be pruned", reason=str(error))
        if not more:
            await asyncio.sleep(_PRUNE_SECONDS)


def _expired(settings: RelaySettings, now: int, session: Session) -> Expired:
    return find_expired(session, settings, now)


async def _give_back(store: RelayStore) -> bool:
    """Make the store smaller by a step; return whether it became smaller."""
    database = store.database
    before: Size = await asyncio.to_thread(store.report, database.size)
    step = bytes_to_give_back(before)
    if not step:
        return False
    after: Size = await store.run(partial(_shrink, database, step))
    return after.bytes < before.bytes


def _shrink(database: Database, most_bytes: int, session: Session) -> Size:
    database.shrink(session, most_bytes)
    return database.size(session)
