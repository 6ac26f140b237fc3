"""The history of repositories: their events, with commits from git.

Each function runs inside a transaction of its caller.
"""

from collections.abc import Iterable

import orjson
from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import git_commits, rows, statements
from gitdailies_dora.events.records import corrections, spellings
from gitdailies_dora.figures.history.events import History, read_history
from gitdailies_dora.figures.history.settings import FigureSettings

# While the rows are for other settings, a question may read this many events in their place.
MOST_EVENTS = 20_000


def history(session: Session, spelled: Iterable[str], settings: FigureSettings, now: int) -> History:
    """Read all events of the repositories with these spellings, up to *now*, and the corrections."""
    bodies = (
        body for name in spelled for (body,) in session.execute(statements.BODIES_OF_REPOSITORY, (name,))
    )
    read = parse_bodies(session, bodies, settings, now)
    return read._replace(corrections=corrections.all_corrections(session))


def history_of(
    session: Session, repo: str | None, settings: FigureSettings, now: int, most: int | None
) -> History:
    """Read the events of a repository, or of all, up to *now*; raises Refusal for more than *most*."""
    spelled = spellings.spellings(session, repo, settings.renames)
    if most is not None:
        left = most
        for name in spelled:
            left -= len(session.execute(statements.SOME_OF_REPOSITORY, (name, left + 1)).fetchall())
            if left < 0:
                raise rows.not_ready(session)
    return history(session, spelled, settings, now)


def parse_bodies(session: Session, bodies: Iterable[str], settings: FigureSettings, now: int) -> History:
    """Parse stored events, and read the commits of deploys that git found."""
    events = [orjson.loads(body) for body in bodies]
    found = git_commits.of_deploys(session, (event["id"] for event in events if event["kind"] == DEPLOYED))
    return read_history(events, settings, now=now, git_commits=found)
