"""Incidents that are moved to another repository. Each function runs inside a transaction of its caller.

The events get another repository, and keep their ids. A correction of each says which one they came with, so
that a move can be undone. Later events of a moved incident follow the others.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from gitdailies_core.events.events import INCIDENT_STARTED, Event
from gitdailies_core.values.renames import Renames, folded
from gitdailies_server.storage.database import Session

from gitdailies_dora.events.records import spellings
from gitdailies_dora.figures.history.corrections import MOVED, key_of
from gitdailies_dora.sql.bulk import Lookup, lookup_many

_COLUMNS = "e.id, e.kind, e.incident_id, e.repo, coalesce(e.service, ''), e.body"
_AT = (
    f"SELECT {_COLUMNS} FROM events e WHERE e.repo IN ({{}}) AND e.incident_id IS NOT NULL"  # noqa: S608  constants
    " ORDER BY e.time, e.seq"
)
# Those that came with a repository, and have another one now.
_FROM = (
    f"SELECT {_COLUMNS}, c.deploy, c.at FROM corrections c"  # noqa: S608
    f" JOIN events e ON e.id = replace(c.event, ' {MOVED}', '')"
    f" WHERE c.what = '{MOVED}' ORDER BY e.time, e.seq"
)
# Where the events of an incident are that came with a repository; one without a service goes with any.
_FOLLOWED = Lookup(
    "given.place, e.id, e.repo",
    "events e",
    "e.incident_id = given.incident"
    " AND (given.service = '' OR coalesce(e.service, '') IN ('', given.service))"
    " AND EXISTS (SELECT 1 FROM corrections c WHERE c.event = e.id || ' moved'"
    " AND lower(c.deploy) = lower(given.repo))",
)
_ANY = "SELECT 1 FROM corrections WHERE what = 'moved' LIMIT 1"
_COPY = (
    "INSERT INTO corrections (event, what, deploy, reason, actor, at)"
    " SELECT ?, what, deploy, reason, actor, at FROM corrections WHERE event = ?"
    " ON CONFLICT (event) DO NOTHING"
)


class Move(NamedTuple):
    """Which incidents count for `to` in place of `repo`: all of it, of a service, or one by its sender's id.

    With `undo`, those that came with `repo` and were moved to `to`; "" is any. With `together`, all that one
    move moved: that of the incident, or else the last one.
    """

    repo: str
    to: str
    service: str = ""
    incident: str = ""
    undo: bool = False
    together: bool = False


class _Moving(NamedTuple):
    """An event to move. `came_with` is the repository that it came with; `at` (µs) is when it was moved."""

    id: str
    kind: str
    incident: str
    repo: str
    service: str
    body: str
    came_with: str
    at: int


class Moving(NamedTuple):
    """The events that a move is about, by time, and the services of all incidents of its repository."""

    events: Sequence[_Moving]
    services: dict[str, int]

    @property
    def incidents(self) -> int:
        """The number of incidents."""
        return len({one.incident for one in self.events})

    @property
    def open(self) -> int:
        """The number of incidents whose last event is a start."""
        last = {one.incident: one.kind for one in self.events}
        return sum(kind == INCIDENT_STARTED for kind in last.values())


def find(session: Session, wish: Move, renames: Renames) -> Moving:
    """Return the events that a move is about."""
    moved = [_Moving(*row) for row in session.execute(_FROM).fetchall()]
    key, to = renames.key(wish.repo), renames.key(wish.to)
    if wish.undo:
        found = [
            one for one in moved if renames.key(one.came_with) == key and to in ("", renames.key(one.repo))
        ]
        if wish.together and found:
            moments = {one.at for one in found if one.incident == wish.incident}
            moments = moments if wish.incident else {max(one.at for one in found)}
            found = [one for one in found if one.at in moments]
            wish = wish._replace(incident="")
    else:
        names = spellings.spellings(session, key, renames)
        rows = session.execute(_AT.format(", ".join("?" * len(names)) or "''"), names).fetchall()
        came_with = {one.id: one.came_with for one in moved}
        found = [_Moving._make((*row, came_with.get(row[0], row[3]), 0)) for row in rows]
    by_incident: dict[str, list[_Moving]] = defaultdict(list)
    for one in found:
        by_incident[one.incident].append(one)
    services: dict[str, int] = defaultdict(int)
    chosen: list[_Moving] = []
    wanted = folded(wish.service)
    for incident, events in by_incident.items():
        named = {folded(one.service): one.service for one in events if one.service}
        for service in named.values() or ("",):
            services[service] += 1
        if wish.incident not in ("", incident) or (wanted and wanted not in named):
            continue
        # Where another service of the incident stays, an event that names none stays with it.
        alone = not wanted or len(named) == 1
        chosen += (one for one in events if alone or folded(one.service) == wanted)
    return Moving(chosen, dict(services))


def follow(session: Session, created: Sequence[tuple[str, Event]]) -> dict[int, str]:
    """Return where new events, with their ids, belong by the moves of their incidents, by their place."""
    given = [
        (place, event.get("incidentId"), event.get("repo"), event.get("service") or "")
        for place, (_, event) in enumerate(created)
        if event.get("incidentId") and event.get("repo")
    ]
    found: dict[int, str] = {}
    if given and session.execute(_ANY).fetchone() is not None:
        for place, like, repo in lookup_many(session, "place, incident, repo, service", given, _FOLLOWED):
            if found.setdefault(place, repo) == repo:
                session.execute(_COPY, (key_of(created[place][0], MOVED), key_of(like, MOVED)))
    return found
