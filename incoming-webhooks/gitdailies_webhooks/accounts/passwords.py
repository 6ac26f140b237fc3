"""Passwords as argon2id hashes: slow on purpose, so called in a thread and a few at a time."""

from __future__ import annotations

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

# The library's defaults, RFC 9106's second choice: 64 MiB and three passes, some 50 ms.
_HASHER = argon2.PasswordHasher()

# Of no password, so that a name that is not there costs as long as one that is.
_NOBODY = _HASHER.hash("")


def hash_password(password: str) -> str:
    """Hash a password for the store."""
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether *password* is the one of *stored*; None is that of nobody, and is never matched."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
