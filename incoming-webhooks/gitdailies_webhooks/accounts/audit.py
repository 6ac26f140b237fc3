"""The audit trail: who changed what other than by sending an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us


@dataclass(frozen=True)
class Line:
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
    """Add a line to the transaction that does what it tells."""
    session.execute(
        "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        (to_us(now), actor, action, subject, json.dumps(dict(detail), ensure_ascii=False)),
    )


def read_audit(session: Session, *, before: int | None = None, limit: int = 100) -> list[Line]:
    """Read lines, newest first; *before* is the cursor of a page."""
    rows = session.execute(
        "SELECT seq, at, actor, action, subject, detail FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        (before if before is not None else 2**62, limit),
    )
    return [
        Line(seq, from_us(at), actor, action, subject, json.loads(detail))
        for seq, at, actor, action, subject, detail in rows
    ]
