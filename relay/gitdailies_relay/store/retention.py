"""What is deleted, and when. It is found without the writer, and deleted in small steps.

Open, held and merged occurrences, undelivered events and dead letters are never deleted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import structlog
from gitdailies_connection.config.sections.settings import RelaySettings
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Database, Session, Size

from gitdailies_relay.store.mending import ClockTrust, last_written
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

_PRUNE_SECONDS = 3600.0

_DAY_US = 86_400_000_000
_BATCH = 500
# Bodies beyond this are deleted, in each of their tables: first those that were replayed, then the oldest.
BODY_BYTES = 256 * 1024 * 1024
# Free space that stays in the file, so that new rows need not enlarge it again.
SPARE_BYTES = 4 * 1024 * 1024
SPARE_PART = 0.1
# How much is given back at once. A transaction that moves this much takes milliseconds.
STEP_BYTES = 1024 * 1024


class _Rule(NamedTuple):
    """Rows that expire: the setting in days, how to find them, and how to delete one if it still may be."""

    setting: str
    find: str
    delete: str


_DELETE_QUARANTINED = "DELETE FROM quarantine WHERE seq = ?"
_DELETE_IGNORED = "DELETE FROM ignored WHERE seq = ?"
_DELETE_REFUSAL = "DELETE FROM refusals WHERE seq = ?"
_RULES = (
    # Attempts to deliver events that are not in the outbox any more.
    _Rule(
        "delivered_days",
        "SELECT a.seq FROM attempts a WHERE a.at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = a.event_seq) LIMIT ?",
        "DELETE FROM attempts WHERE seq = ?",
    ),
    # Events that are not in the outbox any more.
    _Rule(
        "delivered_days",
        "SELECT e.seq FROM events e WHERE e.stored_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = e.seq) LIMIT ?",
        "DELETE FROM events WHERE seq = ?",
    ),
    # Quarantined bodies.
    _Rule("quarantine_days", "SELECT seq FROM quarantine WHERE received_at < ? LIMIT ?", _DELETE_QUARANTINED),
    # Bodies of filtered and ignored deliveries.
    _Rule("filtered_days", "SELECT seq FROM ignored WHERE received_at < ? LIMIT ?", _DELETE_IGNORED),
    # What was decided about deliveries. Their numbers follow the order of receipt.
    _Rule(
        "closed_occurrence_days",
        "SELECT seq FROM deliveries WHERE received_at < ?"
        " AND seq IN (SELECT seq FROM deliveries ORDER BY seq LIMIT ?)",
        "DELETE FROM deliveries WHERE seq = ?",
    ),
    # What people did.
    _Rule(
        "closed_occurrence_days",
        "SELECT seq FROM actions WHERE at < ? LIMIT ?",
        "DELETE FROM actions WHERE seq = ?",
    ),
    # How often a source sent. Its last day says when it was heard of last.
    _Rule(
        "closed_occurrence_days",
        "SELECT source, day FROM source_days AS d"
        " WHERE day < (SELECT max(day) FROM source_days WHERE source = d.source)"
        " GROUP BY source, day HAVING max(last_at) < ? LIMIT ?",
        "DELETE FROM source_days WHERE (source, day) = (?,?)",
    ),
    # What pushes and deploys told for the lead time.
    _Rule(
        "closed_occurrence_days",
        "SELECT repo, sha, branch FROM pushed_commits WHERE received_at < ? LIMIT ?",
        "DELETE FROM pushed_commits WHERE (repo, sha, branch) = (?,?,?)",
    ),
    _Rule(
        "closed_occurrence_days",
        "SELECT repo, environment, service, deployed_at, sha FROM deployed_commits WHERE deployed_at < ?"
        " LIMIT ?",
        "DELETE FROM deployed_commits WHERE (repo, environment, service, deployed_at, sha) = (?,?,?,?,?)",
    ),
    # Requests that were refused.
    _Rule(
        "quarantine_days",
        "SELECT seq FROM refusals WHERE last_at < ? LIMIT ?",
        _DELETE_REFUSAL,
    ),
    # Occurrences that are over.
    _Rule(
        "closed_occurrence_days",
        "SELECT destination, source, incident, repo, environment, service, name FROM occurrences"
        " WHERE state IN ('closed', 'released', 'repeated') AND changed_at < ? LIMIT ?",
        "DELETE FROM occurrences WHERE (destination, source, incident, repo, environment, service, name)"
        " = (?,?,?,?,?,?,?) AND state IN ('closed', 'released', 'repeated')",
    ),
)
# Bodies beyond a number of bytes, counted from the newest that was not replayed.
_EXCESS = (
    "SELECT seq FROM (SELECT seq, sum(length(body)) OVER"
    " (ORDER BY replayed_at IS NULL DESC, seq DESC) AS total FROM {table}) AS sized"
    " WHERE total > ? LIMIT ?"
)
# Refused requests beyond a number, the newest stay.
MOST_REFUSALS = 10_000
_EXCESS_REFUSALS = "SELECT seq FROM refusals ORDER BY last_at DESC, seq DESC LIMIT ? OFFSET ?"
_LIMITED = (("quarantine", _DELETE_QUARANTINED), ("ignored", _DELETE_IGNORED))

# By the statement that deletes one: the parameters for each row.
Expired: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


def find_expired(session: Session, settings: RelaySettings, now: int) -> Expired:
    """Find a batch of each kind of rows that have expired by *now* (µs)."""
    expired: dict[str, Sequence[tuple[Any, ...]]] = {}
    for setting, find, delete in _RULES:
        before = now - int(_days(settings, setting) * _DAY_US)
        expired[delete] = session.execute(find, (before, _BATCH)).fetchall()
    for table, delete in _LIMITED:
        excess = session.execute(_EXCESS.format(table=table), (BODY_BYTES, _BATCH)).fetchall()
        expired[delete] = list(dict.fromkeys([*expired[delete], *excess]))
    refusals = session.execute(_EXCESS_REFUSALS, (_BATCH, MOST_REFUSALS)).fetchall()
    expired[_DELETE_REFUSAL] = list(dict.fromkeys([*expired[_DELETE_REFUSAL], *refusals]))
    return {delete: rows for delete, rows in expired.items() if rows}


def _days(settings: RelaySettings, setting: str) -> float:
    days: float = getattr(settings, setting)
    if setting != "closed_occurrence_days":
        return days
    # A body that can be replayed must find the occurrence that was counted for it.
    return max(days, settings.quarantine_days, settings.filtered_days)


def delete_expired(session: Session, expired: Expired) -> None:
    """Delete what `find_expired` found."""
    for delete, rows in expired.items():
        session.executemany(delete, rows)


def bytes_to_give_back(size: Size) -> int:
    """Return how many bytes of the store to give back next. Some space stays free for new rows."""
    spare = max(SPARE_BYTES, int(size.bytes * SPARE_PART))
    return min(max(size.free_bytes - spare, 0), STEP_BYTES)


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
                expired = await asyncio.to_thread(
                    store.report, partial(find_expired, settings=settings, now=now)
                )
            else:
                LOG.warning("nothing is deleted", reason="the clock may be wrong")
            if expired:
                await store.run(partial(delete_expired, expired=expired))
            more = bool(expired) or await _give_back(store)
        except StoreUnavailable as error:
            LOG.error("store cannot be pruned", reason=str(error))
        if not more:
            await asyncio.sleep(_PRUNE_SECONDS)


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
