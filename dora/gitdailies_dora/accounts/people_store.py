"""People, invitations and sessions in the store.

Each function runs inside a transaction of its caller, except `invite_owner`, which a command calls.
"""

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us, utc_now

from gitdailies_dora.accounts import people
from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.keys.key_store import remove_tokens_of
from gitdailies_dora.accounts.people import ABSOLUTE, IDLE, OWNER, Invitation, Person, SignInSession
from gitdailies_dora.sql.database import StoreLocation, existing_database, transaction

# A person signs in with one account at most.
_PERSON = (
    "people.id, people.name, people.role, people.created_at, people.signed_in_at,"
    " (SELECT provider FROM identities WHERE identities.person_id = people.id)"
)
_ACTIVE = "people.removed_at IS NULL"

# Whether a role has at least one person.
_ANY_OF_ROLE = f"SELECT 1 FROM people WHERE role = ? AND {_ACTIVE} LIMIT 1"  # noqa: S608  a constant above
# Everyone, oldest first; one person, removed or not; a person by name, with the hash of the password.
_ALL = f"SELECT {_PERSON} FROM people WHERE {_ACTIVE} ORDER BY id"  # noqa: S608  constants above
_ANYONE = f"SELECT {_PERSON}, removed_at IS NULL FROM people WHERE id = ?"  # noqa: S608  constants above
_BY_NAME = f"SELECT {_PERSON}, password FROM people WHERE folded = ? AND {_ACTIVE}"  # noqa: S608  constants above
# Add a person; set the password; take access away, which leaves the name for the audit trail.
_ADD = "INSERT INTO people (name, folded, role, password, created_at) VALUES (?, ?, ?, ?, ?) RETURNING id"
_SET_PASSWORD = "UPDATE people SET password = ? WHERE id = ?"  # noqa: S105  a statement
_SET_ROLE = "UPDATE people SET role = ? WHERE id = ?"
_MARK_SIGNED_IN = "UPDATE people SET signed_in_at = ? WHERE id = ?"
_REMOVE = f"UPDATE people SET removed_at = ?, password = '{people.NO_PASSWORD}' WHERE id = ?"  # noqa: S608

# Add a one-time link; find it; delete used, expired or withdrawn ones.
_ADD_INVITATION = (
    "INSERT INTO invitations (hash, role, invited_by, created_at, expires_at, person_id)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_INVITATION = "SELECT role, invited_by, person_id FROM invitations WHERE hash = ? AND expires_at > ?"
_DELETE_INVITATION = "DELETE FROM invitations WHERE hash = ?"
_DELETE_EXPIRED_INVITATIONS = "DELETE FROM invitations WHERE expires_at <= ?"
_DELETE_INVITATIONS_OF_SERVER = "DELETE FROM invitations WHERE invited_by IS NULL"
_DELETE_INVITATIONS_OF_PERSON = "DELETE FROM invitations WHERE invited_by = ?"
_DELETE_PASSWORD_LINKS = "DELETE FROM invitations WHERE person_id = ?"  # noqa: S105  a statement

# Begin a session; find it with its person; those of a person; record its use; end one, old ones, all of a
# person, all others. A valid one was used recently enough, and is not too old.
_VALID = "sessions.seen_at > ? AND sessions.created_at > ?"
_ADD_SESSION = "INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES (?, ?, ?, ?)"
_SESSION = (
    f"SELECT sessions.created_at, sessions.seen_at, {_PERSON} FROM sessions"  # noqa: S608  constants above
    f" JOIN people ON people.id = sessions.person_id WHERE sessions.hash = ? AND {_ACTIVE} AND {_VALID}"
)
_SESSIONS_OF_PERSON = (
    f"SELECT hash, created_at, seen_at FROM sessions WHERE person_id = ? AND {_VALID}"  # noqa: S608  a constant
    " ORDER BY seen_at DESC, created_at DESC"
)
_MARK_SESSION_USED = "UPDATE sessions SET seen_at = ? WHERE hash = ?"
_DELETE_SESSION = "DELETE FROM sessions WHERE hash = ?"
_DELETE_OLD_SESSIONS = "DELETE FROM sessions WHERE created_at <= ?"
_DELETE_SESSIONS_OF_PERSON = "DELETE FROM sessions WHERE person_id = ?"
_DELETE_OTHER_SESSIONS = "DELETE FROM sessions WHERE person_id = ? AND hash <> ?"


def new_token() -> tuple[str, bytes]:
    """Make the token of a link or a cookie, and its hash for the store."""
    token = secrets.token_urlsafe(32)
    return token, people.hash_of(token)


def has_owner(session: Session) -> bool:
    """Return whether there is an owner."""
    return session.execute(_ANY_OF_ROLE, (OWNER,)).fetchone() is not None


def all_people(session: Session) -> list[Person]:
    """Return everyone who may sign in, oldest first."""
    return [_person(row) for row in session.execute(_ALL)]


def find_person(session: Session, id_: int) -> Person | None:
    """Find a person who may sign in."""
    found = find_anyone(session, id_)
    return found[0] if found and found[1] else None


def find_anyone(session: Session, id_: int) -> tuple[Person, bool] | None:
    """Find a person, removed or not; return also whether they may sign in."""
    row = session.execute(_ANYONE, (id_,)).fetchone()
    return None if row is None else (_person(row[:-1]), bool(row[-1]))


def find_credentials(session: Session, name: str) -> tuple[Person, str] | None:
    """Find a person by name; return also the hash of their password."""
    row = session.execute(_BY_NAME, (people.folded(name),)).fetchone()
    return None if row is None else (_person(row[:-1]), row[-1])


def invite(
    session: Session, hash_: bytes, *, role: str, by: Person | None, actor: str, now: datetime
) -> None:
    """Store a one-time link; *by* is None for a link made by the server or a command."""
    _add_link(session, hash_, role=role, by=by, person=None, now=now)
    if by is not None:
        write_audit(session, now, actor=actor, action="person.invited", subject=role, detail={})


def set_up_path(session: Session, now: datetime) -> str | None:
    """Make a link for the first owner and return its path; None if there is an owner.

    Links of earlier starts end, so that no old log holds one that works.
    """
    if has_owner(session):
        return None
    session.execute(_DELETE_INVITATIONS_OF_SERVER)
    token, hash_ = new_token()
    invite(session, hash_, role=people.OWNER, by=None, actor="", now=now)
    return people.JOIN + token


def invite_owner(location: StoreLocation) -> str:
    """Make a link for another owner and return its path; a server may be running on the store."""
    with transaction(existing_database(location)) as session:
        now, (token, hash_) = utc_now(), new_token()
        invite(session, hash_, role=people.OWNER, by=None, actor="", now=now)
        write_audit(session, now, actor="", action="person.invited", subject=people.OWNER, detail={})
    return people.JOIN + token


def offer_new_password(session: Session, hash_: bytes, person: Person, *, by: Person, now: datetime) -> None:
    """Store a one-time link with which a person chooses a new password; it ends an earlier one."""
    session.execute(_DELETE_PASSWORD_LINKS, (person.id,))
    _add_link(session, hash_, role=person.role, by=by, person=person, now=now)
    write_audit(session, now, actor=by.name, action="password.offered", subject=person.name, detail={})


def _add_link(
    session: Session, hash_: bytes, *, role: str, by: Person | None, person: Person | None, now: datetime
) -> None:
    session.execute(_DELETE_EXPIRED_INVITATIONS, (to_us(now),))
    ids = (None if by is None else by.id, None if person is None else person.id)
    expires_at = to_us(now + people.INVITATION_LASTS)
    session.execute(_ADD_INVITATION, (hash_, role, ids[0], to_us(now), expires_at, ids[1]))


def find_invitation(session: Session, hash_: bytes, now: datetime) -> Invitation | None:
    """Find a link that can still be used."""
    row = session.execute(_INVITATION, (hash_, to_us(now))).fetchone()
    return None if row is None else Invitation(people.STORED.get(row[0], row[0]), *row[1:])


def join(session: Session, hash_: bytes, *, name: str, password: str, now: datetime) -> Person | None:
    """Add the person who was invited and use up the invitation; None if it can no longer be used.

    *password* is a hash. Raises UsageError for a name that another person has.
    """
    invitation = find_invitation(session, hash_, now)
    if invitation is None or invitation.person_id is not None:
        return None
    if find_credentials(session, name) is not None:
        raise UsageError(f"name: another person has the name {got(name)}; choose another one")
    session.execute(_DELETE_INVITATION, (hash_,))
    if invitation.invited_by is None:
        # Each start without an owner makes such a link. The first one that is used ends the others.
        session.execute(_DELETE_INVITATIONS_OF_SERVER)
    person = add(session, name, role=invitation.role, password=password, now=now)
    detail = {"role": invitation.role}
    write_audit(session, now, actor=name, action="person.joined", subject=name, detail=detail)
    return person


def add(session: Session, name: str, *, role: str, password: str, now: datetime) -> Person:
    """Add a person with a free name; *password* is a hash, or `people.NO_PASSWORD`."""
    row = session.execute(_ADD, (name, people.folded(name), role, password, to_us(now))).fetchone()
    return Person(row[0], name, role, now, None)


def reset_password(session: Session, hash_: bytes, *, password: str, now: datetime) -> Person | None:
    """Store the hash of a new password and use up the link to it; None if it can no longer be used.

    Every session of the person ends.
    """
    invitation = find_invitation(session, hash_, now)
    if invitation is None or invitation.person_id is None:
        return None
    person = find_person(session, invitation.person_id)
    if person is None:
        return None
    session.execute(_DELETE_PASSWORD_LINKS, (person.id,))
    session.execute(_SET_PASSWORD, (password, person.id))
    session.execute(_DELETE_SESSIONS_OF_PERSON, (person.id,))
    write_audit(session, now, actor=person.name, action="password.reset", subject=person.name, detail={})
    return person


def change_role(session: Session, id_: int, role: str, *, actor: str, now: datetime) -> Person:
    """Change what a person may do, from their next request on; the links that they made end.

    Raises UsageError if there is no person with that id, or if the person is the only owner.
    """
    person, is_only_owner = _one_of_all(session, id_)
    if person.role == role:
        return person
    if is_only_owner:
        raise UsageError("role: the only owner must stay an owner; make another person an owner first")
    session.execute(_SET_ROLE, (role, id_))
    session.execute(_DELETE_INVITATIONS_OF_PERSON, (id_,))
    detail = {"from": person.role, "to": role}
    write_audit(session, now, actor=actor, action="role.changed", subject=person.name, detail=detail)
    return replace(person, role=role)


def sign_in(session: Session, hash_: bytes, person: Person, now: datetime) -> None:
    """Begin a session, and delete sessions that are over."""
    session.execute(_DELETE_OLD_SESSIONS, (to_us(now - ABSOLUTE),))
    session.execute(_ADD_SESSION, (hash_, person.id, to_us(now), to_us(now)))
    mark_signed_in(session, person, now)


def find_session(session: Session, hash_: bytes, now: datetime) -> SignInSession | None:
    """Find a valid session; that of a removed person is none."""
    row = session.execute(_SESSION, (hash_, to_us(now - IDLE), to_us(now - ABSOLUTE))).fetchone()
    return None if row is None else SignInSession(_person(row[2:]), from_us(row[0]), from_us(row[1]))


def sessions_of(session: Session, person: Person, now: datetime) -> list[tuple[bytes, SignInSession]]:
    """Return the valid sessions of a person with their hashes, the last used first."""
    rows = session.execute(_SESSIONS_OF_PERSON, (person.id, to_us(now - IDLE), to_us(now - ABSOLUTE)))
    return [(bytes(row[0]), SignInSession(person, from_us(row[1]), from_us(row[2]))) for row in rows]


def sign_out_elsewhere(session: Session, person: Person, keep: bytes, now: datetime) -> None:
    """End every session of a person except *keep*."""
    session.execute(_DELETE_OTHER_SESSIONS, (person.id, keep))
    write_audit(session, now, actor=person.name, action="sessions.ended", subject=person.name, detail={})


def mark_signed_in(session: Session, person: Person, now: datetime) -> None:
    """Record that a person signed in."""
    session.execute(_MARK_SIGNED_IN, (to_us(now), person.id))


def mark_session_used(session: Session, hash_: bytes, now: datetime) -> None:
    """Record that a session was used."""
    session.execute(_MARK_SESSION_USED, (to_us(now), hash_))


def sign_out(session: Session, hash_: bytes) -> None:
    """End a session."""
    session.execute(_DELETE_SESSION, (hash_,))


def end_sessions(session: Session, person: Person) -> None:
    """End every session of a person."""
    session.execute(_DELETE_SESSIONS_OF_PERSON, (person.id,))


def change_password(session: Session, person: Person, password: str, keep: bytes, now: datetime) -> None:
    """Store the hash of a new password, and end every session of the person except *keep*."""
    session.execute(_SET_PASSWORD, (password, person.id))
    session.execute(_DELETE_OTHER_SESSIONS, (person.id, keep))
    write_audit(session, now, actor=person.name, action="password.changed", subject=person.name, detail={})


def remove(session: Session, id_: int, *, actor: str, now: datetime) -> Person:
    """Take a person's access away, and end their sessions and invitations.

    Raises UsageError if there is no person with that id, or if the person is the only owner.
    """
    person, is_only_owner = _one_of_all(session, id_)
    if is_only_owner:
        raise UsageError("person: the only owner cannot be removed; invite another owner first")
    session.execute(_REMOVE, (to_us(now), id_))
    session.execute(_DELETE_SESSIONS_OF_PERSON, (id_,))
    session.execute(_DELETE_INVITATIONS_OF_PERSON, (id_,))
    session.execute(_DELETE_PASSWORD_LINKS, (id_,))
    remove_tokens_of(session, id_, actor=actor, now=now)
    detail = {"role": person.role}
    write_audit(session, now, actor=actor, action="person.removed", subject=person.name, detail=detail)
    return person


def _one_of_all(session: Session, id_: int) -> tuple[Person, bool]:
    """Return a person, and whether they are the only owner; raises UsageError if there is no such person."""
    everyone = {person.id: person for person in all_people(session)}
    if (person := everyone.get(id_)) is None:
        raise UsageError("person: this person was already removed")
    return person, [one for one in everyone.values() if one.is_owner] == [person]


def _person(row: tuple[Any, ...]) -> Person:
    id_, name, role, created_at, signed_in_at, provider = row
    role = people.STORED.get(role, role)
    return Person(id_, name, role, from_us(created_at), from_us(signed_in_at), provider or "")
