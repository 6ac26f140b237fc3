"""Erase from the receiver's store: events, all that is old, or a text.

A hash of each erased event's id stays, so that a repeat is answered as known and does not come back.
Afterwards the derived rows are those of a history without the erased events.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_core.values.erased_text import MARK, ErasedText
from gitdailies_core.values.renames import NO_RENAMES, folded
from gitdailies_core.values.times import parse
from gitdailies_server.storage.database import Database, Session, reading
from gitdailies_server.storage.erasing import BATCH, Erased, Erasure, Turns, count_rows, replace_text
from gitdailies_server.storage.timestamps import to_us, utc_now

from gitdailies_dora.accounts import people
from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.derived.model import git_commits, rows
from gitdailies_dora.derived.update.advance import advance
from gitdailies_dora.events.query import like
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.events.records.deleted import DELETE_OLD, DELETED, forget, remember
from gitdailies_dora.sql.database import migrate
from gitdailies_dora.sql.text_of_people import TEXTS

_DELETE_EVENT = f"DELETE FROM events WHERE id = ? {DELETED}"  # noqa: S608  a constant
# Copies of deleted events, and corrections, in the audit log.
_COPIES_OF = (
    "SELECT seq FROM audit WHERE action IN ('event.deleted', 'correction.made', 'correction.undone')"
    " AND subject = ?"
)
_COPIES = (
    "SELECT seq, detail, subject FROM audit WHERE action = 'event.deleted' AND detail <> '{}' AND at >= ?"
)
# The ids of the events of a repository, and the copies of deleted ones.
_OF_REPO = "SELECT id FROM events WHERE repo = ? ORDER BY seq"
_OF_MARK = "SELECT id FROM events WHERE id LIKE ? OR incident_id LIKE ? ORDER BY seq"
_DELETED = "SELECT subject, detail FROM audit WHERE action = 'event.deleted' ORDER BY seq"
_CLEAR_COPY = "UPDATE audit SET detail = '{}', subject = ? WHERE seq = ?"
# Wrong requests that name an id.
_DELETE_WRONG = "DELETE FROM wrong_requests WHERE detail LIKE ? ESCAPE '!'"
# What is erased by its age besides events: what it is called, its table, its key and its time.
_OLD = (
    ("audit text", "audit", "seq", "at"),
    ("wrong request", "wrong_requests", "seq", "last_at"),
    # People who were removed long ago. Their sessions and links ended then.
    ("account", "people", "id", "removed_at"),
    # What was decided about lines of the review.
    ("acknowledgement", "acknowledgements", "line", "at"),
)
_DELETE_IDENTITIES = "DELETE FROM identities WHERE person_id NOT IN (SELECT id FROM people)"
_COUNT_OLD = {
    kind: (f"SELECT count(*) FROM {table} WHERE {time} < ?",)  # noqa: S608  the tables above
    for kind, table, _, time in (("event", "events", "seq", "time"), *_OLD)
}
# Names, of people and of keys.
_PEOPLE = "SELECT id, name, removed_at IS NULL FROM people"
_KEYS = "SELECT id, name, deleted_at IS NULL FROM keys"
_RENAME_PERSON = "UPDATE people SET name = ?, folded = ? WHERE id = ?"
_RENAME_KEY = "UPDATE keys SET name = ? WHERE id = ?"
# Whether an event that was erased is still to be taken out of the figures.
_NOTED = "SELECT 1 FROM figures_changes WHERE due_at <= ? LIMIT 1"
# What is known about repositories that have no events any more.
_DELETE_LENGTHS = (
    "DELETE FROM figures_lengths WHERE NOT EXISTS"
    " (SELECT 1 FROM figures_deploys d WHERE d.repo = figures_lengths.repo) AND NOT EXISTS"
    " (SELECT 1 FROM figures_incidents i WHERE i.repo = figures_lengths.repo)"
)
_HAS_SETTINGS = "SELECT 1 FROM figures_settings WHERE name = 'figures' LIMIT 1"


def erase(database: Database, erasure: Erasure, *, actor: str = "", dry: bool = False) -> Erased:
    """Erase; the server may be running. With *dry*, only count. Raises StoreUnavailable.

    An audit line says who erased how much, and not what.
    """
    migrate(database)
    turns, erased = Turns(database, dry=dry), Erased()
    if erasure.text is not None:
        replace_text(turns, TEXTS, erasure.text, erased)
        with turns.turn() as session:
            _erase_names(session, erasure.text, erased)
    elif erasure.before is not None:
        if dry:
            erased.counts += count_rows(database, _COUNT_OLD, to_us(erasure.before))
        else:
            erased.counts += turns.repeat(partial(_erase_old, before=erasure.before))
        erased.counts += _erase_old_copies(turns, erasure.before)
    ids = _ids_of(database, erasure.repo) if erasure.repo else erasure.events
    if erasure.mark:
        with reading(database) as session:
            ids = [id_ for (id_,) in session.execute(_OF_MARK, (f"{erasure.mark}%",) * 2).fetchall()]
    for start in range(0, len(ids), BATCH):
        with turns.turn() as session:
            for id_ in ids[start : start + BATCH]:
                counted = _erase_one(session, id_)
                if not counted:
                    erased.unknown.append(id_)
                erased.counts += counted
    if not dry:
        _derive(turns)
        if erased.counts:
            with turns.turn() as session:
                detail = {"erased": dict(+erased.counts)}
                write_audit(
                    session, utc_now(), actor=actor, action="events.erased", subject="", detail=detail
                )
    return erased


def _ids_of(database: Database, repo: str) -> Sequence[str]:
    with reading(database) as session:
        spelled = [name for name, key in spellings.names(session, NO_RENAMES).items() if key == repo]
        found = [id_ for name in spelled for (id_,) in session.execute(_OF_REPO, (name,)).fetchall()]
        for id_, detail in session.execute(_DELETED).fetchall():
            if folded(json.loads(detail).get("event", {}).get("repo", "")) == repo:
                found.append(id_)
    return list(dict.fromkeys(found))


def _erase_one(session: Session, id_: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    counts["event"] += _forget(session, session.execute(_DELETE_EVENT, (id_,)).fetchall())
    copies = session.execute(_COPIES_OF, (id_,)).fetchall()
    for (seq,) in copies:
        session.execute(_CLEAR_COPY, (MARK, seq))
        counts["audit text"] += 1
    if counts:
        remember(session, [id_], to_us(utc_now()))
        counts["wrong request"] += session.execute(_DELETE_WRONG, (f"%{like(id_)}%",)).rowcount
    return +counts


def _erase_old(session: Session, before: datetime) -> Counter[str]:
    counts, moment, batch = Counter[str](), to_us(before), BATCH
    counts["event"] += _forget(session, session.execute(DELETE_OLD, (moment, batch)).fetchall())
    for kind, table, key, time in _OLD:
        old = f"SELECT {key} FROM {table} WHERE {time} < ? LIMIT ?"  # noqa: S608  the tables above
        delete = f"DELETE FROM {table} WHERE {key} IN ({old})"  # noqa: S608
        counts[kind] += session.execute(delete, (moment, batch)).rowcount
    session.execute(_DELETE_IDENTITIES)
    return +counts


def _forget(session: Session, erased: Sequence[tuple[Any, ...]]) -> int:
    """Remember the ids of deleted events as hashes, and have the figures derived without them."""
    now = to_us(utc_now())
    ids = [id_ for id_, *_ in erased]
    remember(session, ids, now)
    git_commits.delete(session, ids)
    forget(session, erased, now)
    return len(erased)


def _erase_old_copies(turns: Turns, before: datetime) -> Counter[str]:
    """Erase copies of events that happened before a moment and were deleted after it."""
    counts: Counter[str] = Counter()
    with turns.turn() as session:
        for seq, detail, subject in session.execute(_COPIES, (to_us(before),)).fetchall():
            if _time_of(detail) < before:
                session.execute(_CLEAR_COPY, (MARK, seq))
                remember(session, [subject], to_us(utc_now()))
                counts["audit text"] += 1
    return counts


def _time_of(detail: str) -> datetime:
    content = json.loads(detail)
    event = content.get("event", {})
    return parse(event.get("time", content.get("receivedAt")), "time")


def _erase_names(session: Session, text: ErasedText, erased: Erased) -> None:
    for id_, name, may_sign_in in session.execute(_PEOPLE).fetchall():
        if not text.is_in(name):
            continue
        if may_sign_in:
            erased.left["accounts"] += 1
        else:
            session.execute(_RENAME_PERSON, (marked := text.out_of(name), people.folded(marked), id_))
            erased.counts["account"] += 1
    taken = {name for _, name, is_live in session.execute(_KEYS).fetchall() if is_live}
    for id_, name, is_live in session.execute(_KEYS).fetchall():
        if text.is_in(name):
            marked = text.out_of(name)
            if is_live and marked in taken:
                marked = f"{marked} {id_}"
            taken.add(marked)
            session.execute(_RENAME_KEY, (marked, id_))
            erased.counts["key"] += 1


def _derive(turns: Turns) -> None:
    """Derive the figures without the erased events, step by step, as a running server does, too."""
    with turns.turn() as session:
        if session.execute(_HAS_SETTINGS).fetchone() is None:
            # Nothing was derived yet, so nothing has to be derived again.
            change_log.restart(session)
            return
    more = True
    while more:
        with turns.turn() as session:
            now, settings = to_us(utc_now()), rows.stored_settings(session)
            if rows.outdated(session, settings):
                # Rows of an earlier version. The server derives all of them again.
                more = not rows.reset(session, settings, BATCH)
            elif more := session.execute(_NOTED, (now,)).fetchone() is not None:
                advance(session, settings, now, BATCH)
            else:
                session.execute(_DELETE_LENGTHS)
