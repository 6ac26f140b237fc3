"""The audit trail: who changed what, other than by sending an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

# Add a line.
_INSERT = "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)"
# The lines before a cursor, newest first.
_NEWEST = "SELECT seq, at, actor, action, subject, detail FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?"


@dataclass(frozen=True)
class AuditLine:
    """One change; *detail* is enough to undo it."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def write_audit(
    session: Session,
    now: datetime,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
) -> None:
    """Add a line, in the same transaction as the change itself."""
    text = json.dumps(dict(detail), ensure_ascii=False)
    session.execute(_INSERT, (to_us(now), actor, action, subject, text))


def read_audit(session: Session, *, before: int | None = None, limit: int = 100) -> list[AuditLine]:
    """Read lines, newest first; *before* is the cursor of a page."""
    rows = session.execute(_NEWEST, (before if before is not None else 2**62, limit))
    return [
        AuditLine(seq, from_us(at), actor, action, subject, json.loads(detail))
        for seq, at, actor, action, subject, detail in rows
    ]
