"""Events that are older than they are to be kept: taken away little by little, off unless it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.events.store import Store

EVERY_SECONDS = 3600.0
# As long as a commit of them takes, no event is taken.
_AT_ONCE = 500

_EXPIRED = (
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE time < ? ORDER BY seq LIMIT ?)"
    " RETURNING id, repo, incident_id"
)


def expire(session: Session, before: datetime, now: datetime) -> int:
    """Take away some of the events that happened before a moment; return how many.

    The audit trail keeps that and when, not what they said.
    """
    gone = session.execute(_EXPIRED, (to_us(before), _AT_ONCE)).fetchall()
    if gone:
        change_log.note(session, (event for event in gone if event[1] is not None), to_us(now))
        detail = {"events": len(gone), "before": text_of(before)}
        write_audit(session, now, actor="retention", action="events.expired", subject="", detail=detail)
    return len(gone)


async def expire_all(store: Store, days: float, now: datetime) -> int:
    """Take away every event that happened more than *days* ago; return how many."""
    work, total = partial(expire, before=now - timedelta(days=days), now=now), 0
    while count := await store.write(work):
        total += count
    return total


async def keep(store: Store, days: float, clock: Callable[[], datetime], log: Any) -> None:
    """Do so every hour, until this is cancelled; a store that cannot be written is tried an hour later."""
    while True:
        try:
            if count := await expire_all(store, days, clock()):
                log.info("events expired", events=count, days=days)
        except StoreUnavailable as error:
            log.error("events not expired", reason=str(error))
        await asyncio.sleep(EVERY_SECONDS)
