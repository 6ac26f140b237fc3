"""Erase from the relay's store: events with their deliveries, all that is old, or a text.

What recognizes repeats stays: ids of vendors, of messages and of events, and which incidents are open. So a
repeated delivery of something erased gives no event again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from gitdailies_core.values.erased_text import MARK
from gitdailies_core.values.renames import folded
from gitdailies_server.storage.database import Database, Session, reading
from gitdailies_server.storage.erasing import BATCH, Erased, Erasure, Turns, count_rows, replace_text
from gitdailies_server.storage.timestamps import to_us

from gitdailies_relay.store import outbox
from gitdailies_relay.store.deploys import forget_deploy
from gitdailies_relay.store.text_of_people import TEXTS

# The events of an id, or of a delivery; the next events that are older than a moment.
_EVENTS_OF = "SELECT seq, delivery, id FROM events WHERE id = ? OR delivery = ?"
_OLD_EVENTS = "SELECT seq, delivery, id FROM events WHERE stored_at < ? ORDER BY seq LIMIT ?"
# The queries of a repository: its events, a page at a time, and the other tables that name it.
_BODIES_AFTER = "SELECT seq, id, {} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_OF_MARK = (
    "SELECT id FROM events WHERE incident LIKE ? UNION SELECT delivery FROM deliveries WHERE incident LIKE ?"
)
_NAMES = "SELECT DISTINCT repo FROM {}"
_CLOSE = "UPDATE occurrences SET state = 'closed' WHERE {} AND state IN ('held', 'open', 'merged')"
_OF_REPO = {
    "occurrences": _CLOSE.format("repo = ?"),
    "pushed_commits": "DELETE FROM pushed_commits WHERE repo = ?",
    "deployed_commits": "DELETE FROM deployed_commits WHERE repo = ?",
}
_IN_OUTBOX = "SELECT dead_letter FROM outbox WHERE seq = ?"
_DELETE_ATTEMPTS = "DELETE FROM attempts WHERE event_seq = ?"
_DELETE_EVENT = "DELETE FROM events WHERE seq = ?"
# Stored bodies by table: those of a delivery, and the next old ones.
_BODIES = {"quarantined body": "quarantine", "ignored body": "ignored"}
_DELETE_BODY = "DELETE FROM {} WHERE delivery = ?"
# Texts of deliveries. The row stays, since it recognizes a repeat.
_KNOWN_DELIVERY = "SELECT 1 FROM deliveries WHERE delivery = ? LIMIT 1"
_CLEAR_REASON = "UPDATE deliveries SET reason = '' WHERE delivery = ? AND reason <> ''"
_CLEAR_OLD_REASONS = (
    "UPDATE deliveries SET reason = '' WHERE seq IN"
    " (SELECT seq FROM deliveries WHERE received_at < ? AND reason <> '' LIMIT ?)"
)
# What people did.
_CLEAR_ACTION = "UPDATE actions SET reason = ? WHERE subject = ? AND reason <> ?"
# What is deleted when it is older than a moment: by its name, the table, and what says how old it is.
_AGING = {
    "quarantined body": ("quarantine", "received_at"),
    "ignored body": ("ignored", "received_at"),
    "audit text": ("actions", "at"),
    "refusal": ("refusals", "last_at"),
}
_COUNT_OLD = "SELECT count(*) FROM {} WHERE {} < ?"
_DELETE_OLD = "DELETE FROM {0} WHERE seq IN (SELECT seq FROM {0} WHERE {1} < ? LIMIT ?)"

_OLD_IN_OUTBOX = "SELECT count(*) FROM outbox o JOIN events e ON e.seq = o.seq WHERE e.stored_at < ?"
# What an erasure of all that is older than a moment will find.
_OLD = {
    "event": ("SELECT count(*) FROM events WHERE stored_at < ?",),
    "dead letter": (f"{_OLD_IN_OUTBOX} AND o.dead_letter IS NOT NULL",),
    "undelivered event": (f"{_OLD_IN_OUTBOX} AND o.dead_letter IS NULL",),
    **{name: (_COUNT_OLD.format(*aging),) for name, aging in _AGING.items()},
    "delivery text": (
        "SELECT count(*) FROM deliveries WHERE received_at < ? AND reason <> ''",
        "SELECT count(*) FROM attempts a JOIN events e ON e.seq = a.event_seq WHERE e.stored_at < ?",
    ),
}


def erase(database: Database, erasure: Erasure, *, dry: bool = False) -> Erased:
    """Erase; the relay may be running. With *dry*, only count. Raises StoreUnavailable."""
    turns, erased = Turns(database, dry=dry), Erased()
    if erasure.text is not None:
        replace_text(turns, TEXTS, erasure.text, erased)
    elif erasure.before is not None and dry:
        erased.counts += count_rows(database, _OLD, to_us(erasure.before))
    elif erasure.before is not None:
        erased.counts += turns.repeat(partial(_erase_old, before=erasure.before))
    ids: Iterable[str] = _ids_of(database, erasure.repo) if erasure.repo else erasure.events
    if erasure.mark:
        with turns.turn() as session:
            marked = f"{erasure.mark}%"
            session.execute(_CLOSE.format("incident LIKE ?"), (marked,))
            ids = [id_ for (id_,) in session.execute(_OF_MARK, (marked, marked)).fetchall()]
    for id_ in ids:
        with turns.turn() as session:
            counted = _erase_one(session, id_, database.as_bytes)
            if not counted and session.execute(_KNOWN_DELIVERY, (id_,)).fetchone() is None:
                erased.unknown.append(id_)
        erased.counts += counted
    if erasure.repo:
        with turns.turn() as session:
            _forget_repo(session, erasure.repo)
    return erased


def _ids_of(database: Database, repo: str) -> Iterator[str]:
    """Yield the ids of the events of a repository. A damaged event is of none."""
    after, select = 0, _BODIES_AFTER.format(database.as_bytes.format("body"))
    while True:
        with reading(database) as session:
            rows = session.execute(select, (after, BATCH)).fetchall()
        for seq, id_, body in rows:
            after = seq
            with suppress(ValueError):
                if folded(str(json.loads(bytes(body)).get("repo", ""))) == repo:
                    yield id_
        if not rows:
            return


def _forget_repo(session: Session, repo: str) -> None:
    """Forget pushes and deploys, and close open incidents: a later end gives no event."""
    for table, statement in _OF_REPO.items():
        for (name,) in session.execute(_NAMES.format(table)).fetchall():
            if folded(name) == repo:
                session.execute(statement, (name,))


def _erase_one(session: Session, id_: str, as_bytes: str) -> Counter[str]:
    rows = session.execute(_EVENTS_OF, (id_, id_)).fetchall()
    for seq, _, _ in rows:
        # What was deployed where is remembered for the lead time of later deploys.
        forget_deploy(session, seq, as_bytes)
    counts = _erase_events(session, rows)
    for delivery in dict.fromkeys([id_, *(delivery for _, delivery, _ in rows)]):
        counts += _erase_delivery(session, delivery)
    return counts


def _erase_old(session: Session, before: datetime) -> Counter[str]:
    moment, batch = to_us(before), BATCH
    counts = _erase_events(session, session.execute(_OLD_EVENTS, (moment, batch)).fetchall())
    for name, aging in _AGING.items():
        counts[name] += session.execute(_DELETE_OLD.format(*aging), (moment, batch)).rowcount
    counts["delivery text"] += session.execute(_CLEAR_OLD_REASONS, (moment, batch)).rowcount
    return +counts


def _erase_events(session: Session, rows: Sequence[tuple[int, str, str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seq, _, id_ in rows:
        waiting = session.execute(_IN_OUTBOX, (seq,)).fetchone()
        if waiting is not None:
            # It is never sent, and what waits behind it in its partition is next.
            outbox.discard(session, seq, "")
            counts["dead letter" if waiting[0] is not None else "undelivered event"] += 1
        counts["delivery text"] += session.execute(_DELETE_ATTEMPTS, (seq,)).rowcount
        session.execute(_DELETE_EVENT, (seq,))
        counts["event"] += 1
        counts["audit text"] += session.execute(_CLEAR_ACTION, (MARK, id_, MARK)).rowcount
    return +counts


def _erase_delivery(session: Session, delivery: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, table in _BODIES.items():
        counts[name] += session.execute(_DELETE_BODY.format(table), (delivery,)).rowcount
    counts["delivery text"] += session.execute(_CLEAR_REASON, (delivery,)).rowcount
    counts["audit text"] += session.execute(_CLEAR_ACTION, (MARK, delivery, MARK)).rowcount
    return +counts
