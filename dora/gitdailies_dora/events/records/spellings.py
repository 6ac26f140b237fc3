"""Every spelling of the repositories in the events: names are compared without case, indexes are not.

Every place that stores or deletes events notes their names here, in the same transaction.
Each function runs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitdailies_core.values.renames import Renames
from gitdailies_server.storage.database import Session

from gitdailies_dora.sql.bulk import execute_many

_NAMES = "SELECT name FROM repositories ORDER BY name"
_NOTE = "INSERT INTO repositories (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
# Where no event has the name any more.
_FORGET = "DELETE FROM repositories WHERE name = ? AND NOT EXISTS (SELECT 1 FROM events WHERE repo = name)"
# The first event with this spelling of a repository.
_FIRST_EVENT = "SELECT seq, repo FROM events WHERE repo = ? ORDER BY seq LIMIT 1"


def note(session: Session, repos: Iterable[str | None]) -> None:
    """Note the repositories of events that were stored."""
    execute_many(session, _NOTE, _each(repos))


def forget(session: Session, repos: Iterable[str | None]) -> None:
    """Forget those repositories of deleted events that no other event has."""
    execute_many(session, _FORGET, _each(repos))


def names(session: Session, renames: Renames) -> dict[str, str]:
    """Return every spelling of a repository in the events, former names too, with its folded name."""
    return {name: renames.key(name) for (name,) in session.execute(_NAMES)}


def spellings(session: Session, repo: str | None, renames: Renames) -> list[str]:
    """Return every spelling of a repository, given by its folded name, or of all repositories."""
    return sorted(name for name, of_repo in names(session, renames).items() if repo in (None, of_repo))


def first_spelling(session: Session, spelled: Iterable[str]) -> str | None:
    """Return the one of several spellings that was stored first; None if no event has any of them."""
    found: list[tuple[int, str]] = []
    for name in spelled:
        found += session.execute(_FIRST_EVENT, (name,)).fetchall()
    return min(found)[1] if found else None


def _each(repos: Iterable[str | None]) -> list[tuple[str]]:
    return [(repo,) for repo in dict.fromkeys(repos) if repo is not None]
