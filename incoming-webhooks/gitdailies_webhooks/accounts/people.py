"""People, what their roles allow, invitations and sessions. Pure; `membership` stores them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

OWNER, VIEWER = "owner", "viewer"
# A viewer reads figures and events; keys, people and the audit trail are an owner's.
ROLES = (OWNER, VIEWER)

# The path of a one-time link, before its token.
JOIN = "/join/"
INVITATION_LASTS = timedelta(hours=48)
# As OWASP's session cheat sheet advises for what is used through a working day.
IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
# `seen` is kept to the minute, which no expiry of hours needs finer.
SEEN_EVERY = timedelta(minutes=1)

# Length is what counts: https://pages.nist.gov/800-63-4/sp800-63b.html, 3.1.1.2. The upper bound is
# only there to bound the hashing.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    id: int
    name: str
    role: str
    created_at: datetime
    signed_in_at: datetime | None

    @property
    def is_owner(self) -> bool:
        return self.role == OWNER


@dataclass(frozen=True)
class Invitation:
    """A one-time link: for whom, and who gave it; None where it is that of the first owner."""

    role: str
    invited_by: int | None
    created_at: datetime
    expires_at: datetime

    def live(self, now: datetime) -> bool:
        return now < self.expires_at


@dataclass(frozen=True)
class SignedIn:
    """That somebody is signed in."""

    person: Person
    created_at: datetime
    seen_at: datetime

    def live(self, now: datetime) -> bool:
        """Whether it was neither left alone too long nor is too old."""
        return now < self.seen_at + IDLE and now < self.created_at + ABSOLUTE

    def unseen(self, now: datetime) -> bool:
        """Whether the last time that it was seen, as it is written down, is too long ago."""
        return now - self.seen_at >= SEEN_EVERY


def new_token(draw: Callable[[int], str]) -> str:
    """Make what stands in a link or a cookie; *draw* gives text of so many random bytes."""
    return draw(32)


def hash_of(token: str) -> bytes:
    """Hash a token for the store: one SHA-256, since nobody guesses 256 random bits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def form_token(token: str) -> str:
    """Derive the token that forms carry from the cookie's, which no page shows."""
    return hashlib.sha256(b"form:" + token.encode("utf-8", "replace")).hexdigest()


def checked_name(name: str) -> str:
    """Check a person's name; raises UsageError."""
    name = name.strip()
    if not _NAME.fullmatch(name) or not name.isprintable():
        raise UsageError(f"name: expected 1 to 100 characters on one line, got {got(name)}")
    return name


def folded(name: str) -> str:
    """Return the form in which names are compared."""
    return name.strip().casefold()


def checked_role(role: str) -> str:
    """Check a role; raises UsageError."""
    if role not in ROLES:
        raise UsageError(f"role: expected one of {', '.join(ROLES)}, got {got(role)}")
    return role


def checked_password(password: str, name: str) -> str:
    """Check a new password; raises UsageError, which never repeats it."""
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(f"password: expected at least {SHORTEST_PASSWORD} characters, got {len(password)}")
    if len(password) > LONGEST_PASSWORD:
        raise UsageError(f"password: expected at most {LONGEST_PASSWORD} characters, got more")
    if len(set(password)) < 4 or folded(password) == folded(name):
        raise UsageError("password: expected one that is hard to guess, got the name or a few letters")
    return password
