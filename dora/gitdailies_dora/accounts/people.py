"""People with their roles, invitations and sessions. Pure; `people_store` stores them."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.field_types import HIDDEN

OWNER, MEMBER, READER = "owner", "member", "reader"
# A reader reads figures and events. A member also corrects what events count for. An owner also manages keys
# and people, and reads the audit trail.
ROLES = (OWNER, MEMBER, READER)
# The role of a row whose word is of an earlier version.
STORED = {"viewer": MEMBER}

# The path of a one-time link, before its token.
JOIN = "/join/"
INVITATION_LASTS = timedelta(hours=48)
# As OWASP's session cheat sheet advises for an application that is used all day.
IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
# The last use of a session is recorded to the minute, which is exact enough for limits of hours.
SEEN_EVERY = timedelta(minutes=1)

# Length makes a password strong: https://pages.nist.gov/800-63-4/sp800-63b.html, 3.1.1.2. The upper limit
# bounds the time of hashing.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
# In place of the hash of a password, for a person who has none.
NO_PASSWORD = ""
LONGEST_NAME = 100
_NAME = re.compile(rf"[^\x00-\x1f\x7f{HIDDEN}]{{1,{LONGEST_NAME}}}")


@dataclass(frozen=True)
class Person:
    """A person who may sign in.

    *provider* names the system whose account they sign in with: the issuer of OpenID Connect, `header`, or ""
    for a person with a password.
    """

    id: int
    name: str
    role: str
    created_at: datetime
    signed_in_at: datetime | None
    provider: str = ""

    @property
    def is_owner(self) -> bool:
        return self.role == OWNER


@dataclass(frozen=True)
class Invitation:
    """A one-time link; *invited_by* is None for a link made by the server or a command.

    It adds a person with *role*, or, with *person_id*, lets this person choose a new password.
    """

    role: str
    invited_by: int | None
    person_id: int | None = None


@dataclass(frozen=True)
class SignInSession:
    """The session of a signed-in person."""

    person: Person
    created_at: datetime
    seen_at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Return whether the recorded last use is too old."""
        return now - self.seen_at >= SEEN_EVERY


def hash_of(token: str) -> bytes:
    """Hash a token for the store. One SHA-256 is enough, since 256 random bits cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def form_token(token: str) -> str:
    """Derive the token of forms from the cookie's token, which no page shows."""
    return hashlib.sha256(b"form:" + token.encode("utf-8", "replace")).hexdigest()


def checked_name(name: str) -> str:
    """Check a person's name; raises UsageError."""
    name = name.strip()
    if not _NAME.fullmatch(name) or not name.isprintable():
        raise UsageError(f"name: use 1 to 100 characters on one line, not {got(name)}")
    return name


def folded(name: str) -> str:
    """Return a name as it is compared: trimmed, and without case."""
    return name.strip().casefold()


def checked_role(role: str) -> str:
    """Check a role; raises UsageError."""
    if role not in ROLES:
        raise UsageError(f"role: expected one of {', '.join(ROLES)}, got {got(role)}")
    return role


def checked_password(password: str, name: str) -> str:
    """Check a new password; raises UsageError, which does not repeat it."""
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(f"password: use at least {SHORTEST_PASSWORD} characters, not {len(password)}")
    if len(password) > LONGEST_PASSWORD:
        raise UsageError(f"password: use at most {LONGEST_PASSWORD} characters")
    if folded(password) == folded(name):
        raise UsageError("password: use a password that is not your name")
    if len(set(password)) < 4:
        raise UsageError("password: use more than three different characters")
    return password
