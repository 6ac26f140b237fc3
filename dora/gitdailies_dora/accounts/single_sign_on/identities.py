"""People who sign in with an account of another system.

Each function runs inside a transaction of its caller.
"""

from dataclasses import dataclass
from datetime import datetime

from gitdailies_core.errors import UsageError
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_dora.accounts import people, people_store
from gitdailies_dora.accounts.audit import write_audit
from gitdailies_dora.accounts.keys.key_store import remove_tokens_of
from gitdailies_dora.accounts.people import Person
from gitdailies_dora.accounts.single_sign_on.account import Account, names_for

# The person of an account, also a removed one.
_PERSON_OF = "SELECT person_id FROM identities WHERE hash = ?"
_ADD = "INSERT INTO identities (hash, provider, person_id, created_at) VALUES (?, ?, ?, ?)"
# Removed people whose accounts may not get in, the last first; let one in again.
_BARRED = """
SELECT people.id, people.name, people.removed_at, identities.provider FROM identities
JOIN people ON people.id = identities.person_id WHERE people.removed_at IS NOT NULL
ORDER BY people.removed_at DESC, people.id DESC LIMIT ?
"""
_LET_IN = """
DELETE FROM identities WHERE person_id = ?
AND person_id IN (SELECT id FROM people WHERE removed_at IS NOT NULL)
"""
_NAME_OF = "SELECT name FROM people WHERE id = ?"
_MOST_BARRED = 200


@dataclass(frozen=True)
class Barred:
    """A removed person whose account at *provider* may not sign in."""

    id: int
    name: str
    removed_at: datetime
    provider: str


@dataclass(frozen=True)
class Outcome:
    """The result of a sign-in: the person, or None with the reason for the person, in one sentence."""

    person: Person | None
    reason: str = ""


REMOVED = Outcome(None, "An owner took your access away. Ask an owner to let you in again.")
NO_ROLE = Outcome(
    None, "None of your groups may use this server. Ask an owner which group to join, then sign in again."
)


def find(session: Session, account: Account) -> Person | None:
    """Return the person of an account who may sign in; None for a new account and for a removed person."""
    row = session.execute(_PERSON_OF, (account.hash,)).fetchone()
    return None if row is None else people_store.find_person(session, row[0])


def sign_in(session: Session, account: Account, role: str, now: datetime) -> Outcome:
    """Return the person of an account with *role*, who is added if the account is new.

    A removed person is refused. An account with the role "" is refused, too, and its sessions and read tokens
    end. The only owner keeps that role, so that the server always has one.
    """
    row = session.execute(_PERSON_OF, (account.hash,)).fetchone()
    if row is None:
        return Outcome(_added(session, account, role, now)) if role else NO_ROLE
    person = people_store.find_person(session, row[0])
    if person is None:
        return REMOVED
    if not role:
        people_store.end_sessions(session, person)
        remove_tokens_of(session, person.id, actor=person.name, now=now)
        return NO_ROLE
    try:
        return Outcome(people_store.change_role(session, person.id, role, actor=person.name, now=now))
    except UsageError:
        return Outcome(person)


def visit(session: Session, account: Account, role: str, now: datetime) -> Outcome:
    """Do the same for an account that a proxy names, and record when it came: there is no session."""
    outcome = sign_in(session, account, role, now)
    if outcome.person is not None:
        people_store.mark_signed_in(session, outcome.person, now)
    return outcome


def barred(session: Session) -> list[Barred]:
    """Return removed people whose accounts may not get in, the last removed first."""
    rows = session.execute(_BARRED, (_MOST_BARRED,)).fetchall()
    return [Barred(row[0], row[1], from_us(row[2]), row[3]) for row in rows]


def let_in(session: Session, person_id: int, *, actor: str, now: datetime) -> None:
    """Allow the account of a removed person to sign in again, as a new person."""
    if session.execute(_LET_IN, (person_id,)).rowcount:
        (name,) = session.execute(_NAME_OF, (person_id,)).fetchone()
        write_audit(session, now, actor=actor, action="person.let-in", subject=name, detail={})


def _added(session: Session, account: Account, role: str, now: datetime) -> Person:
    name = next(name for name in names_for(account) if people_store.find_credentials(session, name) is None)
    person = people_store.add(session, name, role=role, password=people.NO_PASSWORD, now=now)
    session.execute(_ADD, (account.hash, account.provider, person.id, to_us(now)))
    detail = {"role": role, "provider": account.provider}
    write_audit(session, now, actor=name, action="person.joined", subject=name, detail=detail)
    return people_store.find_person(session, person.id) or person
