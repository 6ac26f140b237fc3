"""People, invitations and sessions in the store, each function inside a transaction of the caller's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_webhooks.accounts import people
from gitdailies_webhooks.accounts.audit import write_audit
from gitdailies_webhooks.accounts.people import ABSOLUTE, OWNER, Invitation, Person, SignedIn

_PERSON = "people.id, people.name, people.role, people.created_at, people.signed_in_at"
_THERE = "people.removed_at IS NULL"


def has_owner(session: Session) -> bool:
    """Whether there is somebody who can let others in."""
    query = f"SELECT 1 FROM people WHERE role = ? AND {_THERE} LIMIT 1"  # noqa: S608  a constant above
    return session.execute(query, (OWNER,)).fetchone() is not None


def everybody(session: Session) -> list[Person]:
    """Return all who may sign in, oldest first."""
    query = f"SELECT {_PERSON} FROM people WHERE {_THERE} ORDER BY id"  # noqa: S608  constants above
    return [_person(row) for row in session.execute(query)]


def person_of(session: Session, id_: int) -> Person | None:
    """Find a person who may sign in."""
    query = f"SELECT {_PERSON} FROM people WHERE id = ? AND {_THERE}"  # noqa: S608  constants above
    row = session.execute(query, (id_,)).fetchone()
    return None if row is None else _person(row)


def credentials(session: Session, name: str) -> tuple[Person, str] | None:
    """Find a person by name, with the hash of their password."""
    query = f"SELECT {_PERSON}, password FROM people WHERE folded = ? AND {_THERE}"  # noqa: S608  constants above
    row = session.execute(query, (people.folded(name),)).fetchone()
    return None if row is None else (_person(row[:-1]), row[-1])


def invite(
    session: Session, hash_: bytes, *, role: str, by: Person | None, actor: str, now: datetime
) -> None:
    """Write down a one-time link; *by* is None for a link that is made at the machine itself."""
    session.execute("DELETE FROM invitations WHERE expires_at <= ?", (to_us(now),))
    session.execute(
        "INSERT INTO invitations (hash, role, invited_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
        (hash_, role, None if by is None else by.id, to_us(now), to_us(now + people.INVITATION_LASTS)),
    )
    if by is not None:
        write_audit(session, now, actor=actor, action="person.invited", subject=role, detail={})


def invitation_of(session: Session, hash_: bytes, now: datetime) -> Invitation | None:
    """Find a link that can still be used."""
    row = session.execute(
        "SELECT role, invited_by, created_at, expires_at FROM invitations WHERE hash = ?", (hash_,)
    ).fetchone()
    if row is None:
        return None
    invitation = Invitation(row[0], row[1], from_us(row[2]), from_us(row[3]))
    return invitation if invitation.live(now) else None


def join(session: Session, hash_: bytes, *, name: str, password: str, now: datetime) -> Person | None:
    """Make a person of an invitation and use it up; None where it cannot be used any more.

    *password* is the hash of one. Raises UsageError where somebody has the name.
    """
    invitation = invitation_of(session, hash_, now)
    if invitation is None:
        return None
    if credentials(session, name) is not None:
        raise UsageError(f"name: expected one that nobody here has, got {got(name)}")
    session.execute("DELETE FROM invitations WHERE hash = ?", (hash_,))
    if invitation.invited_by is None:
        # Each start without an owner made such a link; the first one that is used ends them all.
        session.execute("DELETE FROM invitations WHERE invited_by IS NULL")
    row = session.execute(
        "INSERT INTO people (name, folded, role, password, created_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (name, people.folded(name), invitation.role, password, to_us(now)),
    ).fetchone()
    write_audit(
        session,
        now,
        actor=name,
        action="person.joined",
        subject=name,
        detail={"role": invitation.role},
    )
    return Person(row[0], name, invitation.role, now, None)


def sign_in(session: Session, hash_: bytes, person: Person, now: datetime) -> None:
    """Begin a session, and clear away those that are over."""
    session.execute("DELETE FROM sessions WHERE created_at <= ?", (to_us(now - ABSOLUTE),))
    session.execute(
        "INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES (?, ?, ?, ?)",
        (hash_, person.id, to_us(now), to_us(now)),
    )
    session.execute("UPDATE people SET signed_in_at = ? WHERE id = ?", (to_us(now), person.id))


def session_of(session: Session, hash_: bytes, now: datetime) -> SignedIn | None:
    """Find a live session of a person who is still here."""
    query = (
        f"SELECT sessions.created_at, sessions.seen_at, {_PERSON} FROM sessions"  # noqa: S608  constants above
        f" JOIN people ON people.id = sessions.person_id WHERE sessions.hash = ? AND {_THERE}"
    )
    row = session.execute(query, (hash_,)).fetchone()
    if row is None:
        return None
    signed_in = SignedIn(_person(row[2:]), from_us(row[0]), from_us(row[1]))
    return signed_in if signed_in.live(now) else None


def see(session: Session, hash_: bytes, now: datetime) -> None:
    """Write down that a session was used."""
    session.execute("UPDATE sessions SET seen_at = ? WHERE hash = ?", (to_us(now), hash_))


def sign_out(session: Session, hash_: bytes) -> None:
    """End a session."""
    session.execute("DELETE FROM sessions WHERE hash = ?", (hash_,))


def change_password(session: Session, person: Person, password: str, keep: bytes, now: datetime) -> None:
    """Store the hash of a new password, and sign the person out everywhere but here (*keep*)."""
    session.execute("UPDATE people SET password = ? WHERE id = ?", (password, person.id))
    session.execute("DELETE FROM sessions WHERE person_id = ? AND hash <> ?", (person.id, keep))
    write_audit(session, now, actor=person.name, action="password.changed", subject=person.name, detail={})


def remove(session: Session, id_: int, *, actor: str, now: datetime) -> Person:
    """Take a person's access away, with every session and invitation of theirs.

    Raises UsageError where there is none of that id, or nobody else is owner.
    """
    there = everybody(session)
    person = next((person for person in there if person.id == id_), None)
    if person is None:
        raise UsageError("person: expected somebody who is here, got somebody who is not")
    if person.is_owner and not any(other.is_owner for other in there if other.id != id_):
        raise UsageError("person: expected one who is not the only owner, got that one; invite another first")
    session.execute("UPDATE people SET removed_at = ?, password = '' WHERE id = ?", (to_us(now), id_))
    session.execute("DELETE FROM sessions WHERE person_id = ?", (id_,))
    session.execute("DELETE FROM invitations WHERE invited_by = ?", (id_,))
    detail = {"role": person.role}
    write_audit(session, now, actor=actor, action="person.removed", subject=person.name, detail=detail)
    return person


def _person(row: tuple[Any, ...]) -> Person:
    id_, name, role, created_at, signed_in_at = row
    return Person(id_, name, role, from_us(created_at), from_us(signed_in_at))
