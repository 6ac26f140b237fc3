"""Delete expired events, a few at a time. Off unless `--keep-days` is given."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.events.records import deleted
from gitdailies_dora.events.store import EventStore

EVERY_SECONDS = 3600.0
# No event is accepted while a commit of deletions takes place, so each is small.
_AT_ONCE = 500


def expire(session: Session, before: datetime, now: datetime) -> int:
    """Delete some of the events that happened before a moment; return how many.

    The audit trail records the number and the time, not the events.
    """
    expired = session.execute(deleted.DELETE_OLD, (to_us(before), _AT_ONCE)).fetchall()
    if expired:
        deleted.forget(session, expired, to_us(now))
        detail = {"events": len(expired), "before": text_of(before)}
        write_audit(session, now, actor="retention", action="events.expired", subject="", detail=detail)
    return len(expired)


async def expire_all(store: EventStore, days: float, now: datetime) -> int:
    """Delete every event that happened more than *days* ago; return how many."""
    work, total = partial(expire, before=now - timedelta(days=days), now=now), 0
    while count := await store.write(work, patient=True):
        total += count
    return total


async def expire_hourly(store: EventStore, days: float, clock: Callable[[], datetime], log: Any) -> None:
    """Delete expired events every hour until cancelled; try a store that is unavailable an hour later."""
    while True:
        try:
            if count := await expire_all(store, days, clock()):
                log.info("events expired", events=count, days=days)
        except StoreUnavailable as error:
            log.error("events not expired", reason=str(error))
        await asyncio.sleep(EVERY_SECONDS)
