"""The events of repositories: every spelling of their names, and their history with commits from git.

Each function runs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import git_commits, statements
from gitdailies_webhooks.figures.events import History, read_history
from gitdailies_webhooks.figures.settings import FigureSettings, folded


def names(session: Session) -> dict[str, str]:
    """Return every spelling of a repository in the events, with its folded name."""
    return {name: folded(name) for (name,) in session.execute(statements.REPOSITORY_NAMES)}


def spellings(session: Session, repo: str | None) -> list[str]:
    """Return every spelling of a repository, given by its folded name, or of all repositories."""
    return sorted(name for name, of_repo in names(session).items() if repo in (None, of_repo))


def first_spelling(session: Session, spelled: Iterable[str]) -> str | None:
    """Return the one of several spellings that was stored first; None if no event has any of them."""
    found: list[tuple[int, str]] = []
    for name in spelled:
        found += session.execute(statements.FIRST_EVENT_OF_NAME, (name,)).fetchall()
    return min(found)[1] if found else None


def history(session: Session, spelled: Iterable[str], settings: FigureSettings, now: int) -> History:
    """Read all events of the repositories with these spellings, up to *now*."""
    bodies = (
        body for name in spelled for (body,) in session.execute(statements.BODIES_OF_REPOSITORY, (name,))
    )
    return parse_bodies(session, bodies, settings, now)


def parse_bodies(session: Session, bodies: Iterable[str], settings: FigureSettings, now: int) -> History:
    """Parse stored events, and read the commits from git of deploys that list none."""
    events = [orjson.loads(body) for body in bodies]
    without_commits = [
        event["id"]
        for event in events
        if event["kind"] == DEPLOYED and "commits" not in event and "commitTime" not in event
    ]
    found = git_commits.of_deploys(session, without_commits)
    return read_history(events, settings, now=now, git_commits=found)
