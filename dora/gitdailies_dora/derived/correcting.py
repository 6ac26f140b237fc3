"""Make and undo corrections: check one, store it, mark its event to be derived, and write an audit line.

Each function runs inside a transaction of its caller, and raises Refusal.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from gitdailies_core.error_text import got
from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from gitdailies_core.events.field_types import HIDDEN, REPO
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.keys.webhook_key import without_keys
from gitdailies_dora.derived.model.deploys import read_deploys_by_id
from gitdailies_dora.derived.read.figures.known_names import destination
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.events.records import change_log, corrections, spellings
from gitdailies_dora.events.records.corrections import StoredCorrection
from gitdailies_dora.events.records.moves import Move, Moving, find
from gitdailies_dora.figures.history.corrections import DEPLOY, MOVED, OF_INCIDENT, key_of
from gitdailies_dora.figures.history.events import target_of
from gitdailies_dora.figures.history.settings import FigureSettings

LONGEST_REASON = 500
MADE, UNDONE = "correction.made", "correction.undone"
MOVE, MOVE_BACK = "incidents.moved", "incidents.moved-back"

_EVENT = "SELECT kind, repo, incident_id, body FROM events WHERE id = ?"
_SET_REPO = "UPDATE events SET repo = ?, body = ? WHERE id = ?"
_OCCURRENCE = "SELECT 1 FROM figures_incidents WHERE id = ? LIMIT 1"
_LINE = rf"[^\x00-\x1f\x7f{HIDDEN}]*"
# One line that is not blank.
REASON_PATTERN = rf"^{_LINE}[^\x00-\x1f\x7f{HIDDEN}\s]{_LINE}$"
_REASON = re.compile(REASON_PATTERN)


class Wish(NamedTuple):
    """A requested correction: its event, what it says, and the reason."""

    event: str
    what: str
    deploy: str | None
    reason: str


def checked_reason(text: Any) -> str:
    """Return a reason, one line without a key in it; raises Refusal."""
    reason = text.strip() if isinstance(text, str) else ""
    if len(reason) > LONGEST_REASON or not _REASON.fullmatch(reason):
        raise refusal(
            "request", f"reason: expected 1 to {LONGEST_REASON} characters on one line, got {got(text)}"
        )
    return without_keys(reason)


def correct(
    session: Session, wish: Wish, settings: FigureSettings, *, actor: str, now: datetime
) -> StoredCorrection:
    """Store a correction, in place of an earlier one of the same event."""
    kind = INCIDENT_STARTED if wish.what in OF_INCIDENT else DEPLOYED
    repo, incident, body = _event(session, wish.event, kind)
    if kind == INCIDENT_STARTED and session.execute(_OCCURRENCE, (wish.event,)).fetchone() is None:
        raise refusal(
            "request",
            f"id: {got(wish.event)} starts no incident: it arrived a moment ago, or the incident was open "
            "already; correct the event that started it",
        )
    if wish.what == DEPLOY:
        _check_cause(session, wish.deploy or "", body, settings)
    key = key_of(wish.event, wish.what)
    before = corrections.correction_of(session, key)
    made = StoredCorrection(
        key,
        wish.what,
        wish.deploy if wish.what == DEPLOY else None,
        checked_reason(wish.reason),
        actor,
        to_us(now),
    )
    corrections.write(session, made)
    change_log.note_changes(session, [(wish.event, repo, incident)], to_us(now))
    detail = {"what": made.what, "deploy": made.deploy, "reason": made.reason, "before": _before(before)}
    write_audit(session, now, actor=actor, action=MADE, subject=wish.event, detail=detail)
    return made


def undo(
    session: Session, event: str, whats: Sequence[str], *, actor: str, now: datetime
) -> StoredCorrection:
    """Undo the correction of an event, if it is one of *whats*; return it."""
    key = key_of(event, whats[0])
    made = corrections.correction_of(session, key)
    if made is None or made.what not in whats:
        raise refusal("not-found", f"id: nothing is left to undo: {got(event)} has no such correction")
    corrections.delete_one(session, key)
    row = session.execute(_EVENT, (event,)).fetchone()
    if row is not None:
        change_log.note_changes(session, [(event, row[1], row[2])], to_us(now))
    write_audit(session, now, actor=actor, action=UNDONE, subject=event, detail={"before": _before(made)})
    return made


def move(
    session: Session,
    wish: Move,
    reason: Any,
    settings: FigureSettings,
    *,
    new: bool,
    actor: str,
    now: datetime,
    dry: bool = False,
) -> tuple[Move, Moving]:
    """Move incidents to another repository, or undo it; with *dry*, only find them.

    One without deploys is asked about first, unless it is *new*. Return the move by whole names, too.
    """
    to, question = destination(session, wish.to, settings) if wish.to or not wish.undo else ("", "")
    wish = wish._replace(to=to)
    found = find(session, wish, settings.renames)
    if not found.events:
        left = "nothing is left to undo: " if wish.undo else ""
        was = "is moved so" if wish.undo else "fits"
        raise refusal("not-found", f"repo: {left}no incident of {got(wish.repo)} {was}")
    if not wish.undo and not REPO.accepts(to):
        raise refusal("request", f"to: expected {REPO.expected}, got {got(to)}")
    if question and not (new or wish.undo):
        raise refusal("request", f"to: {question}; if it is a new repository, say that it is new")
    if dry:
        return wish, found
    why, at, rows, changes = checked_reason(reason), to_us(now), [], []
    for one in found.events:
        repo, key = one.came_with if wish.undo else to, key_of(one.id, MOVED)
        rows.append((repo, orjson.dumps({**orjson.loads(one.body), "repo": repo}).decode(), one.id))
        changes += [(one.id, name, one.incident) for name in (one.repo, repo)]
        corrections.delete_one(session, key)
        if repo != one.came_with:
            corrections.write(session, StoredCorrection(key, MOVED, one.came_with, why, actor, at))
    session.executemany(_SET_REPO, rows)
    spellings.note(session, (repo for repo, _, _ in rows))
    spellings.forget(session, {one.repo for one in found.events})
    change_log.note_changes(session, changes, at)
    detail = {**wish._asdict(), "reason": why, "incidents": found.incidents, "events": len(rows)}
    action = MOVE_BACK if wish.undo else MOVE
    write_audit(session, now, actor=actor, action=action, subject=wish.repo, detail=detail)
    return wish, found


def _event(session: Session, id_: str, kind: str) -> tuple[str, str | None, dict[str, Any]]:
    row = session.execute(_EVENT, (id_,)).fetchone()
    if row is None or row[0] != kind or row[1] is None:
        what, more = "is a deploy and", ""
        if kind == INCIDENT_STARTED:
            what, more = "starts an incident and", "; it is not the incidentId, which may have several"
        raise refusal("not-found", f"id: no event {what} has the id {got(id_)}{more}")
    return row[1], row[2], orjson.loads(row[3])


def _check_cause(session: Session, id_: str, body: dict[str, Any], settings: FigureSettings) -> None:
    """Refuse a deploy that cannot be the cause: it has to count where the incident is."""
    found = read_deploys_by_id(session, [id_]).get(id_)
    target = target_of(body, settings)
    if found is None or not found.counts or found.target[:2] != target[:2]:
        raise refusal(
            "request",
            "deploy: expected the id of a deploy that counts in the repository and environment of the "
            f"incident, got {got(id_)}",
        )


def _before(made: StoredCorrection | None) -> dict[str, Any] | None:
    return None if made is None else {"what": made.what, "deploy": made.deploy, "reason": made.reason}
