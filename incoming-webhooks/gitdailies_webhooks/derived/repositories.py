"""The history of repositories: their events, with commits from git.

Each function runs inside a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import git_commits, statements
from gitdailies_webhooks.events import corrections
from gitdailies_webhooks.figures.events import History, read_history
from gitdailies_webhooks.figures.settings import FigureSettings


def history(session: Session, spelled: Iterable[str], settings: FigureSettings, now: int) -> History:
    """Read all events of the repositories with these spellings, up to *now*, and the corrections."""
    bodies = (
        body for name in spelled for (body,) in session.execute(statements.BODIES_OF_REPOSITORY, (name,))
    )
    read = parse_bodies(session, bodies, settings, now)
    return read._replace(corrections=corrections.all_corrections(session))


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
