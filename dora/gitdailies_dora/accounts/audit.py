"""The audit trail: who changed what, other than by sending an event."""

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
_NEWEST = (
    "SELECT seq, at, actor, action, subject, detail FROM audit WHERE seq < ?{also} ORDER BY seq DESC LIMIT ?"
)

# The settings that make the figures, as a server last used them.
SETTING_CHANGED = "settings.changed"
_SELECT_SETTINGS = "SELECT value FROM figures_settings WHERE name = 'in force'"
_DELETE_SETTINGS = "DELETE FROM figures_settings WHERE name = 'in force'"
_INSERT_SETTINGS = "INSERT INTO figures_settings (name, value) VALUES ('in force', ?)"


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


def note_settings(session: Session, now: datetime, values: Mapping[str, Any]) -> None:
    """Keep the settings that make the figures; each difference from the previous ones is a line."""
    row = session.execute(_SELECT_SETTINGS).fetchone()
    before: Mapping[str, Any] = values if row is None else json.loads(row[0])
    session.execute(_DELETE_SETTINGS)
    session.execute(_INSERT_SETTINGS, (json.dumps(values),))
    for name in sorted({*before, *values}):
        # A setting that the file no longer names, such as a team, has no value.
        detail = {"before": before.get(name), "after": values.get(name)}
        if detail["before"] != detail["after"]:
            write_audit(
                session, now, actor="gitdailies.yml", action=SETTING_CHANGED, subject=name, detail=detail
            )


def setting_changes(
    session: Session, first: int = 0, last: int = 2**62, repo: str | None = None, team: str | None = None
) -> list[AuditLine]:
    """Read when settings that make the figures changed, from *first* to *last* in microseconds.

    With *repo*, a folded name, those of other repositories are left out; with *team*, a key or "", those of
    other teams.
    """
    found = read_audit(session, action=SETTING_CHANGED)
    return [line for line in found if first <= to_us(line.at) <= last and _concerns(line.subject, repo, team)]


def _concerns(setting: str, repo: str | None, team: str | None) -> bool:
    """Whether a setting makes the figures of a repository or a team. A team makes only its own."""
    if setting.startswith("teams"):
        return (repo is None and team is None) or setting in (f"teams.{team}", f"teams[{team!r}]")
    of_one = setting.startswith(("repositories", "dora.mirrors"))
    return not (repo and of_one) or f"[{repo!a}]" in setting.casefold()


def read_audit(
    session: Session, *, before: int | None = None, limit: int = 100, action: str = ""
) -> list[AuditLine]:
    """Read lines, newest first; *before* is the cursor of a page. With *action*, there are no others."""
    statement = _NEWEST.format(also=" AND action = ?" if action else "")
    actions = (action,) if action else ()
    rows = session.execute(statement, (before if before is not None else 2**62, *actions, limit))
    return [
        AuditLine(seq, from_us(at), actor, action, subject, json.loads(detail))
        for seq, at, actor, action, subject, detail in rows
    ]
