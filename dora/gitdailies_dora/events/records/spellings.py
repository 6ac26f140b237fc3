"""Every spelling of the repositories in the events: names are compared without case, indexes are not.

Every place that stores or deletes events notes their names here, in the same transaction.
Each function runs inside a transaction of its caller.
"""

from collections import defaultdict
from collections.abc import Iterable

from gitdailies_core.values.renames import Renames
from gitdailies_server.storage.database import Session

from gitdailies_dora.sql.bulk import lookup_many

# Every spelling.
NAMES = "SELECT name FROM repositories ORDER BY name"
_NOTE = "INSERT INTO repositories (name) VALUES (?) ON CONFLICT (name) DO NOTHING"
# Where no event has the name any more.
_FORGET = "DELETE FROM repositories WHERE name = ? AND NOT EXISTS (SELECT 1 FROM events WHERE repo = name)"
# The first event with a spelling of a repository.
_FIRST_EVENT = "(SELECT seq FROM events WHERE repo = given.name ORDER BY seq LIMIT 1), given.name"


def note(session: Session, repos: Iterable[str | None]) -> None:
    """Note the repositories of events that were stored."""
    session.executemany(_NOTE, _each(repos))


def forget(session: Session, repos: Iterable[str | None]) -> None:
    """Forget those repositories of deleted events that no other event has."""
    session.executemany(_FORGET, _each(repos))


def names(session: Session, renames: Renames) -> dict[str, str]:
    """Return every spelling of a repository in the events, former names too, with its folded name."""
    return {name: renames.key(name) for (name,) in session.execute(NAMES)}


def spellings(session: Session, repo: str | None, renames: Renames) -> list[str]:
    """Return every spelling of a repository, given by its folded name, or of all repositories."""
    return sorted(name for name, of_repo in names(session, renames).items() if repo in (None, of_repo))


def shown(session: Session, renames: Renames) -> dict[str, str]:
    """Return each repository as `repositories` or its first event spells it, by its folded name, sorted."""
    spelled: dict[str, list[str]] = defaultdict(list)
    for name, repo in names(session, renames).items():
        spelled[repo].append(name)
    several = [(name,) for of in spelled.values() if len(of) > 1 for name in of]
    first = {name: seq for seq, name in lookup_many(session, "name", several, _FIRST_EVENT)}
    return {
        repo: renames.spelling(repo) or min(of, key=lambda name: first.get(name) or 2**62)
        for repo, of in sorted(spelled.items())
    }


def _each(repos: Iterable[str | None]) -> list[tuple[str]]:
    return [(repo,) for repo in dict.fromkeys(repos) if repo is not None]
