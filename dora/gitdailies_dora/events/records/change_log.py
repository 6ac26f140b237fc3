"""Which events the derived rows do not include yet: new ones, and ones to derive again.

Events are derived in commit order, so one number says which events the rows include.
Each function runs inside a transaction of its caller.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import Lookup, lookup_many, takes_lists

# An event by id, repository and, if it belongs to one, incident.
EventRef = tuple[str, str, str | None]

# Bodies of events that the rows include, by id.
_BODIES = Lookup("e.body", "events e", "e.id = given.id AND e.seq <= ?")

# Note an event to derive again from `due_at` on.
_ADD_NOTE = "INSERT INTO figures_changes (id, repo, incident_id, due_at) VALUES (?, ?, ?, ?)"
# The notes that are due, oldest first.
_DUE_NOTES = (
    "SELECT seq, id, repo, incident_id FROM figures_changes WHERE due_at <= ? ORDER BY due_at, seq LIMIT ?"
)
# The next events behind the last one that the rows include.
_NEW_EVENTS = "SELECT seq, repo, incident_id, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
# The moments of the oldest new event and of the oldest due note.
_OLDEST = """
SELECT (SELECT received_at FROM events WHERE seq > (SELECT seq FROM figures_read) ORDER BY seq LIMIT 1),
(SELECT due_at FROM figures_changes WHERE due_at <= ? ORDER BY due_at LIMIT 1)
"""
# When the newest event was received.
_LAST_RECEIVED = "SELECT received_at FROM events ORDER BY seq DESC LIMIT 1"
# How many events are new and notes are due, each up to a number.
_PENDING = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM events WHERE seq > (SELECT seq FROM figures_read) LIMIT ?) AS new)
+ (SELECT count(*) FROM (SELECT 1 FROM figures_changes WHERE due_at <= ? LIMIT ?) AS due)
"""

# Whether any event is noted.
_ANY_NOTE = "SELECT 1 FROM figures_changes WHERE due_at <= ? LIMIT 1"

# The number of the last note of all, also when it is done; and of the notes that are left.
_LAST_NOTE_OF_SQLITE = "SELECT seq FROM sqlite_sequence WHERE name = 'figures_changes'"
# A sequence begins at its first value, which is the last one, too, once it was given.
_LAST_NOTE_OF_POSTGRESQL = "SELECT last_value + is_called::int FROM figures_changes_seq_seq"
_VERSION = (
    "SELECT seq, coalesce(({}), 0), (SELECT count(*) FROM (SELECT 1 FROM figures_changes LIMIT ?) AS notes)"
    " FROM figures_read"
)
_MOST_NOTES = 100


class PendingChanges(NamedTuple):
    """The next changes to derive.

    `bodies` are the events as they are now, without new ones of incidents, which are read when they are
    paired. `changed_ids` are those that may differ from what the rows include, `incidents` are (repository,
    incident) to pair again. Afterwards the notes with the numbers `notes` are done, and the rows include
    events up to `read_until`. `number` counts the changes.
    """

    bodies: list[str]
    changed_ids: list[str]
    incidents: set[tuple[str, str]]
    notes: list[int]
    read_until: int
    number: int


def note_changes(session: Session, events: Iterable[EventRef], due_at: int) -> None:
    """Note events to derive again from *due_at* on: deleted, changed, or near a changed one."""
    session.executemany(_ADD_NOTE, [(*event, due_at) for event in events])


def behind_since(session: Session, now: int) -> int | None:
    """Return until when the rows are complete, or None if they are complete at *now*."""
    found = session.execute(_OLDEST, (now,)).fetchone()
    return min((min(at, now) for at in found if at is not None), default=None)


def complete_until(session: Session, now: int) -> int:
    """Return the moment before which every received event is in the rows, at most *now*."""
    behind = behind_since(session, now)
    return now if behind is None else behind


def count_pending(session: Session, now: int, most: int) -> int:
    """Count changes that are not derived yet, up to *most*."""
    return min(most, int(session.execute(_PENDING, (most, now, most)).fetchone()[0]))


class Version(NamedTuple):
    """What changes whenever the rows do: the last event that they include, and the notes, ever and now."""

    read_until: int
    last_note: int
    notes: int


def rows_version(session: Session) -> Version | None:
    """Return the version of the rows, whatever waits to be derived; None if many notes do."""
    last = _LAST_NOTE_OF_POSTGRESQL if takes_lists(session) else _LAST_NOTE_OF_SQLITE
    found = Version(*session.execute(_VERSION.format(last), (_MOST_NOTES,)).fetchone())
    return None if found.notes == _MOST_NOTES else found


def has_notes(session: Session) -> bool:
    """Whether any event is noted to be derived again, now or later."""
    return session.execute(_ANY_NOTE, (2**62,)).fetchone() is not None


def last_received(session: Session) -> int | None:
    """Return when the newest event was received, by any server; None without events."""
    row = session.execute(_LAST_RECEIVED).fetchone()
    return None if row is None else int(row[0])


def read_until(session: Session) -> int:
    """Return the `seq` of the last event that the rows include."""
    return int(session.execute("SELECT seq FROM figures_read").fetchone()[0])


def next_pending(session: Session, settings: FigureSettings, now: int, most: int) -> PendingChanges:
    """Return the next changes, up to *most*.

    Notes come before new events: a new event may have the id of one that was deleted.
    """
    until = read_until(session)
    due = session.execute(_DUE_NOTES, (now, most)).fetchall()
    changed_ids = list({id_: None for _, id_, _, _ in due})
    rows = [(id_,) for id_ in changed_ids]
    bodies = [body for (body,) in lookup_many(session, "id", rows, _BODIES, until)]
    incidents = {(settings.repo(repo), incident) for _, _, repo, incident in due if incident is not None}
    arrived = session.execute(_NEW_EVENTS, (until, most - len(due))).fetchall()
    for seq, repo, incident, body in arrived:
        until = seq
        if incident is None and repo is not None:
            bodies.append(body)
        elif repo is not None:
            incidents.add((settings.repo(repo), incident))
    notes = [seq for seq, _, _, _ in due]
    return PendingChanges(bodies, changed_ids, incidents, notes, until, len(due) + len(arrived))


def mark_done(session: Session, changes: PendingChanges) -> None:
    """Record that the rows include *changes*."""
    session.executemany("DELETE FROM figures_changes WHERE seq = ?", [(seq,) for seq in changes.notes])
    session.execute("UPDATE figures_read SET seq = ?", (changes.read_until,))


def restart(session: Session) -> None:
    """Record that the rows include no event."""
    session.execute("DELETE FROM figures_changes")
    session.execute("UPDATE figures_read SET seq = 0")
