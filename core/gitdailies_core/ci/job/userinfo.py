"""Remove user names and passwords from addresses (RFC 3986, section 3.2.1)."""

from __future__ import annotations

import re

# User and password with a scheme, also where a password has a raw slash, and without a scheme.
_USER = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@"
_SLASHED = r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s@:]+:(?![0-9]*(?:[/?#]|$))[^\s@]*@"
_NAKED = r"^[^/@\s]*:[^@\s]*@(?=[^@\s/]+[/:])|^(?!git@)[^/@\s:]+@(?=[^@\s/:]+[/:])"


def without_user(address: str) -> str:
    """Return *address* without user name and password. These never leave the machine."""
    return without_users(address.strip())


def without_users(text: str) -> str:
    """Return *text* without the user names and passwords of the addresses in it.

    The `git@` of ssh is no secret, and stays.
    """
    return re.sub(r"\S+", lambda found: _bare(found[0]), text) if "@" in text else text


def _bare(word: str) -> str:
    # A password may hold a comma, so a whole address comes first, and then each part of a list.
    if "@" not in word:
        return word
    for pattern in (_USER, _SLASHED):
        word = re.sub(pattern, r"\1", word)
    return ",".join(part if "://" in part else re.sub(_NAKED, "", part) for part in word.split(","))
