"""Sign-ins that are at the provider.

Each function runs inside a transaction of its caller.

Only hashes are stored. The nonce and the verifier are derived from the cookie of the browser and the state.
So a copy of the store is not enough to finish a sign-in.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

from gitdailies_dora.accounts.people import hash_of

LASTS = timedelta(minutes=10)
# More than the people who sign in at once. Beyond it the oldest are deleted, which bounds the store.
MOST = 10_000

_ADD = "INSERT INTO pending_sign_ins (hash, browser, next, created_at) VALUES (?, ?, ?, ?)"
_DELETE_OLD = "DELETE FROM pending_sign_ins WHERE created_at <= ?"
_DELETE_MANY = (
    "DELETE FROM pending_sign_ins WHERE hash IN"
    " (SELECT hash FROM pending_sign_ins ORDER BY created_at DESC LIMIT 1000 OFFSET ?)"
)
# Use one up.
_TAKE = "DELETE FROM pending_sign_ins WHERE hash = ? RETURNING browser, next, created_at"


def derived(purpose: str, cookie: str, state: str) -> str:
    """Return the `nonce` or the `verifier` of a sign-in: 43 characters, known to this browser alone."""
    digest = hmac.digest(
        hashlib.sha256(cookie.encode("utf-8", "replace")).digest(), f"{purpose}:{state}".encode(), "sha256"
    )
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def begin(session: Session, state: str, cookie: str, next_path: str, now: datetime) -> None:
    """Remember a sign-in that goes to the provider, and forget old ones."""
    session.execute(_DELETE_OLD, (to_us(now - LASTS),))
    session.execute(_DELETE_MANY, (MOST,))
    session.execute(_ADD, (hash_of(state), hash_of(cookie), next_path, to_us(now)))


def take(session: Session, state: str, cookie: str, now: datetime) -> str | None:
    """Use up the sign-in of a state and return the page to open then.

    None if there is none, if it is too old, or if it began in another browser; it is used up then, too.
    """
    row = session.execute(_TAKE, (hash_of(state),)).fetchone()
    if row is None:
        return None
    fresh = now < from_us(row[2]) + LASTS
    return row[1] if fresh and hmac.compare_digest(bytes(row[0]), hash_of(cookie)) else None
