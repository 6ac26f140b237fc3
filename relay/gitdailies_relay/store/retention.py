"""What is deleted, and when. Rows are found without the writer, and deleted in small steps.

Open, held and merged occurrences, undelivered events and dead letters are never deleted.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import structlog
from gitdailies_connection.config.sections.settings import RelaySettings
from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.storage.database import Session, Size

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
    """Rows that expire: the setting in days, the table, its key, and what expires before a time (µs).

    With `still`, a row is deleted only where that holds at that moment, too. `group` is how rows are grouped.
    """

    setting: str
    table: str
    key: str
    condition: str
    still: str = ""
    group: str = ""

    @property
    def find(self) -> str:
        """Find a batch: the time, and how many."""
        still = f"{self.still} AND " if self.still else ""
        return f"SELECT {self.key} FROM {self.table} WHERE {still}{self.condition}{self.group} LIMIT ?"

    @property
    def delete(self) -> str:
        """Delete one, by its key."""
        places = self.key.count(",") * "?," + "?"
        still = f" AND {self.still}" if self.still else ""
        return f"DELETE FROM {self.table} WHERE ({self.key}) = ({places}){still}"


_QUARANTINED = _Rule("quarantine_days", "quarantine", "seq", "received_at < ?")
_IGNORED = _Rule("filtered_days", "ignored", "seq", "received_at < ?")
_REFUSALS = _Rule("quarantine_days", "refusals", "seq", "last_at < ?")
_UNSENT = "NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = {})"
_IDS = "closed_occurrence_days"
_RULES = (
    # Attempts and events that are not in the outbox any more.
    _Rule("delivered_days", "attempts", "seq", f"at < ? AND {_UNSENT.format('event_seq')}"),
    _Rule("delivered_days", "events", "seq", f"stored_at < ? AND {_UNSENT.format('events.seq')}"),
    _QUARANTINED,
    _IGNORED,
    # What was decided about deliveries. Their numbers follow the order of receipt.
    _Rule(
        _IDS,
        "deliveries",
        "seq",
        f"received_at < ? AND seq IN (SELECT seq FROM deliveries ORDER BY seq LIMIT {_BATCH})",
    ),
    # What people did.
    _Rule(_IDS, "actions", "seq", "at < ?"),
    # How often a source sent. Its last day says when it was heard of last.
    _Rule(
        _IDS,
        "source_days",
        "source, day",
        "day < (SELECT max(day) FROM source_days d WHERE d.source = source_days.source)",
        group=" GROUP BY source, day HAVING max(last_at) < ?",
    ),
    # What pushes and deploys told for the lead time.
    _Rule(_IDS, "pushed_commits", "repo, sha, branch", "received_at < ?"),
    _Rule(_IDS, "deployed_commits", "repo, environment, service, deployed_at, sha", "deployed_at < ?"),
    _REFUSALS,
    # Occurrences that are over.
    _Rule(
        _IDS,
        "occurrences",
        "destination, source, incident, repo, environment, service, name",
        "changed_at < ?",
        "state IN ('closed', 'released', 'repeated')",
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

# By the statement that deletes one: the parameters for each row.
Expired: TypeAlias = Mapping[str, Sequence[tuple[Any, ...]]]


def find_expired(session: Session, settings: RelaySettings, now: int) -> Expired:
    """Find a batch of each kind of rows that have expired by *now* (µs)."""
    expired: dict[str, Sequence[tuple[Any, ...]]] = {}
    for rule in _RULES:
        before = now - int(_days(settings, rule.setting) * _DAY_US)
        expired[rule.delete] = session.execute(rule.find, (before, _BATCH)).fetchall()
    excess = {
        _REFUSALS: session.execute(_EXCESS_REFUSALS, (_BATCH, MOST_REFUSALS)).fetchall(),
        **{
            rule: session.execute(_EXCESS.format(table=rule.table), (BODY_BYTES, _BATCH)).fetchall()
            for rule in (_QUARANTINED, _IGNORED)
        },
    }
    for rule, rows in excess.items():
        expired[rule.delete] = list(dict.fromkeys([*expired[rule.delete], *rows]))
    return {delete: rows for delete, rows in expired.items() if rows}


def _days(settings: RelaySettings, setting: str) -> float:
    days: float = getattr(settings, setting)
    if setting != _IDS:
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
            now = store.now()
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
    await store.run(partial(database.shrink, most_bytes=step))
    after: Size = await asyncio.to_thread(store.report, database.size)
    return after.bytes < before.bytes
