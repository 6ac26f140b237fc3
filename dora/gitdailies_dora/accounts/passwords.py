"""Passwords as argon2id hashes. Hashing is slow on purpose: call it in a thread, a few at a time."""

from functools import cache

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

# The library's defaults are the second choice of RFC 9106: 64 MiB and three passes, about 50 ms.
_HASHER = argon2.PasswordHasher()


def hash_password(password: str) -> str:
    """Hash a password for the store."""
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Return whether *stored* is the hash of *password*.

    None, for an unknown name, never matches, nor does "" of a person without a password.
    """
    # Hashed for a name that exists, too, so that no first attempt takes longer than another.
    nobody = _hash_of_nobody()
    try:
        return _HASHER.verify(stored or nobody, password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hash_of_nobody() -> str:
    """Return the hash of no password. With it, a name that does not exist takes as long as one that does."""
    return _HASHER.hash("")
