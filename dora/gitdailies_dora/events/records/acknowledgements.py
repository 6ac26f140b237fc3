"""Lines of the review that a person marked as done. Each function runs inside a transaction of its caller."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from gitdailies_core.error_text import got
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import to_us

from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.words import review
from gitdailies_dora.sql.bulk import Lookup, lookup_many

LONGEST_LINE = 1000
DECIDED, REOPENED = "review.decided", "review.reopened"

_THESE = Lookup("a.line, a.reason, a.actor, a.at", "acknowledgements a", "a.line = given.line")
_WRITE = (
    "INSERT INTO acknowledgements (line, reason, actor, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (line) DO UPDATE SET reason = excluded.reason, actor = excluded.actor, at = excluded.at"
)
_DELETE = "DELETE FROM acknowledgements WHERE line = ?"
_EVENT = "SELECT 1 FROM events WHERE id = ?"


class Acknowledgement(NamedTuple):
    """Who marked a line as done, when (µs) and why."""

    line: str
    reason: str
    actor: str
    at: int


def of_lines(session: Session, lines: Iterable[str]) -> dict[str, Acknowledgement]:
    """Return the acknowledgements of lines, by the key of the line."""
    given = [(line,) for line in sorted(set(lines))]
    return {row[0]: Acknowledgement(*row) for row in lookup_many(session, "line", given, _THESE)}


def acknowledge(session: Session, line: str, reason: str, *, actor: str, now: datetime) -> None:
    """Mark a line as done; raises Refusal for a line that cannot be one."""
    event = review.event_of(line) if len(line) <= LONGEST_LINE else None
    if event is None:
        raise refusal("not-found", f"line: expected the key of a line of the review, got {got(line)}")
    if event and session.execute(_EVENT, (event,)).fetchone() is None:
        raise refusal("not-found", f"line: no event has the id {got(event)}")
    session.execute(_WRITE, (line, reason, actor, to_us(now)))
    write_audit(session, now, actor=actor, action=DECIDED, subject=line, detail={"reason": reason})


def reopen(session: Session, line: str, *, actor: str, now: datetime) -> bool:
    """Mark a line as open again; return False, and do nothing, if it is not marked as done."""
    if not session.execute(_DELETE, (line,)).rowcount:
        return False
    write_audit(session, now, actor=actor, action=REOPENED, subject=line, detail={})
    return True
