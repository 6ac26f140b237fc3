"""Which events the derived rows do not hold yet: those that arrived since, and those to be looked at again.

Events are read in the order in which they were committed, so that a number says how far. Each
function runs inside a transaction that the caller began.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.figures.settings import folded
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, lookup_many

# An event by id, repository and, where it is of one, incident.
Named = tuple[str, str, str | None]

_LOOKED_AT = Lookup("e.body", "events e", "e.id = given.id AND e.seq <= ? AND e.time <= ?")


class Pending(NamedTuple):
    """What is to be looked at: bodies of events, ids of those that are not what they were, incidents.

    `noted` are the notes that are then done, `read` is how far events were read.
    """

    bodies: list[str]
    again: list[str]
    incidents: set[tuple[str, str]]
    noted: list[int]
    read: int
    events: int


def note(session: Session, events: Iterable[Named], due_at: int) -> None:
    """Note events to be looked at again from *due_at* on: they went, come about, or say something else."""
    session.executemany(
        "INSERT INTO figures_changes (id, repo, incident_id, due_at) VALUES (?, ?, ?, ?)",
        [(*event, due_at) for event in events],
    )


def behind_since(session: Session, now: int) -> int | None:
    """Return the moment up to which every row is right, or None where all of them are at *now*."""
    queries = (
        ("SELECT received_at FROM events WHERE seq > ? ORDER BY seq LIMIT 1", read_until(session)),
        ("SELECT due_at FROM figures_changes WHERE due_at <= ? ORDER BY due_at LIMIT 1", now),
    )
    found = [session.execute(query, (value,)).fetchone() for query, value in queries]
    return min((min(row[0], now) for row in found if row is not None), default=None)


def waiting(session: Session, now: int, most: int) -> int:
    """Count what is to be looked at, up to *most*."""
    queries = (
        ("SELECT 1 FROM events WHERE seq > ? LIMIT ?", read_until(session)),
        ("SELECT 1 FROM figures_changes WHERE due_at <= ? LIMIT ?", now),
    )
    return min(most, sum(len(session.execute(query, (value, most)).fetchall()) for query, value in queries))


def noted(session: Session) -> bool:
    """Whether anything is noted, due or to come."""
    return session.execute("SELECT 1 FROM figures_changes LIMIT 1").fetchone() is not None


def read_until(session: Session) -> int:
    """Return the `seq` up to which events were looked at."""
    return int(session.execute("SELECT seq FROM figures_read").fetchone()[0])


def pending(session: Session, now: int, most: int) -> Pending:
    """Return the next of what is to be looked at; what comes about later is noted for then.

    Events that arrived wait for all that is noted: one may be there under an id that went before.
    """
    read = read_until(session)
    notes = session.execute(
        "SELECT seq, id, repo, incident_id FROM figures_changes WHERE due_at <= ?"
        " ORDER BY due_at, seq LIMIT ?",
        (now, most),
    ).fetchall()
    again = list({note[1]: None for note in notes})
    bodies = [
        body for (body,) in lookup_many(session, "id", [(id_,) for id_ in again], _LOOKED_AT, read, now)
    ]
    incidents = {(folded(repo), incident) for _, _, repo, incident in notes if incident is not None}
    arrived = session.execute(
        "SELECT seq, id, repo, incident_id, time, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
        (read, most - len(notes)),
    ).fetchall()
    for seq, id_, repo, incident, time, body in arrived:
        read = seq
        if repo is None:
            continue
        if time > now:
            note(session, [(id_, repo, incident)], time)
            continue
        bodies.append(body)
        if incident is not None:
            incidents.add((folded(repo), incident))
    return Pending(bodies, again, incidents, [note[0] for note in notes], read, len(notes) + len(arrived))


def done(session: Session, looked_at: Pending) -> None:
    """Write down that it was looked at."""
    execute_many(session, "DELETE FROM figures_changes WHERE seq = ?", [(seq,) for seq in looked_at.noted])
    session.execute("UPDATE figures_read SET seq = ?", (looked_at.read,))


def start_anew(session: Session) -> None:
    """Write down that nothing was looked at."""
    session.execute("DELETE FROM figures_changes")
    session.execute("UPDATE figures_read SET seq = 0")
