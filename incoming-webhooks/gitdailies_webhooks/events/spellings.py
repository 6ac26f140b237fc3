"""Every spelling of the repositories in the events: names are compared without case, indexes are not.

Each function runs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.figures.settings import folded

# Every spelling, one step in the index for each: the next larger name.
_NAMES = """
WITH RECURSIVE known(name) AS (
 SELECT min(repo) FROM events
 UNION ALL
 SELECT (SELECT min(repo) FROM events WHERE repo > known.name) FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL
"""
# The first event with this spelling of a repository.
_FIRST_EVENT = "SELECT seq, repo FROM events WHERE repo = ? ORDER BY seq LIMIT 1"


def names(session: Session) -> dict[str, str]:
    """Return every spelling of a repository in the events, with its folded name."""
    return {name: folded(name) for (name,) in session.execute(_NAMES)}


def spellings(session: Session, repo: str | None) -> list[str]:
    """Return every spelling of a repository, given by its folded name, or of all repositories."""
    return sorted(name for name, of_repo in names(session).items() if repo in (None, of_repo))


def first_spelling(session: Session, spelled: Iterable[str]) -> str | None:
    """Return the one of several spellings that was stored first; None if no event has any of them."""
    found: list[tuple[int, str]] = []
    for name in spelled:
        found += session.execute(_FIRST_EVENT, (name,)).fetchall()
    return min(found)[1] if found else None
