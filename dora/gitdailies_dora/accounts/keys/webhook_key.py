"""Webhook keys: their form, their hash and their rights. Pure; `key_store` stores them.

A key is `gdk_`, 32 random Base62 characters (190 bits) and 6 check characters, the CRC-32 of the
characters before them. Secret scanners can recognize a key by its form, and a typing error is noticed
without reading the store. The form follows GitHub's tokens:
https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import HIDDEN
from gitdailies_core.values import patterns
from gitdailies_core.values.renames import folded

PREFIX = "gdk_"
# In place of the beginning of a key, for CI jobs that report by an ID token. Their names begin with it, too.
KEYLESS = "oidc"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM, _CHECK = 32, 6
_SHAPE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM + _CHECK}}}")

# Half a key in a message is as bad as a whole one. The part that lists show (SHOWN) is shorter than this.
# An ID token is JSON in Base64, which begins like this, and its parts follow points.
_LIKE_A_KEY = re.compile(rf"{PREFIX}[0-9A-Za-z]{{8,}}|eyJ[0-9A-Za-z_-]{{8,}}[0-9A-Za-z_.-]*")

# How many characters are stored as plain text, to distinguish keys. So are the last four, which are
# check characters.
SHOWN = len(PREFIX) + 4

LONGEST_LIMIT = 200
SEND, READ, DELETE, CORRECT = "send", "read", "delete", "correct"
_NAME = re.compile(rf"[^\x00-\x1f\x7f{HIDDEN}]{{1,100}}")


# What is not in the name of a repository or an environment of a limit. Forms list several with commas.
_NO_LIMIT = re.compile(rf"[,\x00-\x1f\x7f{HIDDEN}]")


class Limits(NamedTuple):
    """The repositories and environments that a key may send events of: folded names, or patterns with `*`.

    None of either means all of them.
    """

    repos: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    @classmethod
    def make(cls, repos: Iterable[str] = (), environments: Iterable[str] = ()) -> "Limits":
        """Check and fold names; raises UsageError."""
        found = []
        for field, names in (("repos", repos), ("environments", environments)):
            for name in names:
                if not name.strip() or len(name) > LONGEST_LIMIT or _NO_LIMIT.search(name):
                    raise UsageError(f"{field}: use names or patterns, as in larkspur/*, not {got(name)}")
            fold = folded if field == "repos" else str.casefold
            found.append(tuple(dict.fromkeys(fold(name.strip()) for name in names)))
        return cls(*found)

    def words(self) -> list[str]:
        """Return the limits as words to store with the rights. A release without limits reads these, too."""
        pairs = zip(self._fields, self, strict=True)
        return [f"{field}={quote(name, safe='/*')}" for field, names in pairs for name in names]

    def fault(self, repos: Collection[str], environments: Collection[str]) -> tuple[str, str] | None:
        """Return the field for which an event is refused, and the limit; None if it is within the limits.

        *repos* and *environments* are the names, folded, that mean those of the event.
        """
        pairs = zip(("repo", "environment"), self, (repos, environments), strict=True)
        for field, limits, names in pairs:
            if limits and not any(patterns.matches(limit, name) for limit in limits for name in names):
                return field, " or ".join(limits)
        return None


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Key:
    """A stored key, without the key itself.

    *allow* contains `send` (every kind of event), the word of a kind (that kind), `read`, `delete`, and
    `correct` (what a deploy or an incident counts for). *limits* are those of what it may send.
    """

    id: int
    name: str
    prefix: str
    last4: str
    allow: frozenset[str]
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    expires_at: datetime | None
    deleted_at: datetime | None
    person_id: int | None = None
    limits: Limits = NO_LIMITS

    @property
    def is_token(self) -> bool:
        """Whether it is the read token of a person."""
        return self.person_id is not None

    @property
    def is_keyless(self) -> bool:
        """Whether it is the entry of CI jobs that report with an ID token."""
        return self.prefix == KEYLESS

    @property
    def shown(self) -> str:
        """The key as pages and tables show it."""
        return "ID token" if self.is_keyless else f"{self.prefix}…{self.last4}"

    def is_valid(self, now: datetime) -> bool:
        """Return whether it is neither deleted nor expired."""
        return self.deleted_at is None and (self.expires_at is None or now < self.expires_at)

    def may_send(self, kind: str) -> bool:
        """Return whether it may send events of *kind*."""
        return SEND in self.allow or kind in self.allow

    def may_send_any(self) -> bool:
        """Return whether there is a kind of event that it may send."""
        return bool(self.allow - {READ, DELETE, CORRECT})


def generate(choose: Callable[[str], str]) -> str:
    """Generate a key; *choose* picks a character of a text at random, like `secrets.choice`."""
    body = PREFIX + "".join(choose(_ALPHABET) for _ in range(_RANDOM))
    return body + _check(body)


def well_formed(text: str) -> bool:
    """Return whether *text* has the form of a key and the right check characters."""
    return bool(_SHAPE.fullmatch(text)) and text[-_CHECK:] == _check(text[:-_CHECK])


def contains_key(text: str) -> bool:
    """Return whether *text* contains something that looks like a key."""
    return bool(_SHAPE.search(text))


def without_keys(text: str) -> str:
    """Return *text* without anything that looks like a key or an ID token, or most of one."""
    return _LIKE_A_KEY.sub(lambda found: f"{found[0][: len(PREFIX)]}***", text)


def hash_of(text: str) -> bytes:
    """Hash a key for the store. One SHA-256 is enough, since 190 random bits cannot be guessed."""
    return hashlib.sha256(text.encode()).digest()


def shown_parts(text: str) -> tuple[str, str]:
    """Return the beginning and the end of a key, which are stored as plain text."""
    return text[:SHOWN], text[-4:]


def checked_rights(allow: Iterable[str]) -> frozenset[str]:
    """Check the rights of a new key; without any, it may send every kind of event.

    Raises UsageError, which names the words that exist.
    """
    words = (SEND, READ, DELETE, CORRECT, *(kind.word for kind in KINDS))
    chosen = frozenset(allow)
    for word in sorted(chosen):
        if word not in words:
            raise UsageError(f"allow: expected one of {', '.join(words)}, got {got(word)}")
    return chosen or frozenset({SEND})


def checked_limits(limits: Limits, allow: Iterable[str]) -> Limits:
    """Check that only a key that sends alone is limited; raises UsageError."""
    if any(limits) and not {READ, DELETE, CORRECT}.isdisjoint(allow):
        raise UsageError(
            "allow: only sending can be limited to repositories or environments; "
            "create another key, without limits, that reads, deletes or corrects"
        )
    return limits


def stored(words: str) -> tuple[frozenset[str], Limits]:
    """Return the rights and the limits of a row, which are words of one text."""
    pairs = [word.partition("=")[::2] for word in words.split()]
    repos, environments = (
        tuple(unquote(name) for field, name in pairs if field == one) for one in Limits._fields
    )
    return frozenset(word for word, name in pairs if not name), Limits(repos, environments)


def checked_name(name: str) -> str:
    """Check a key's name; raises UsageError."""
    if not _NAME.fullmatch(name) or name != name.strip():
        raise UsageError(f"name: use 1 to 100 characters on one line, not {got(name)}")
    if name.startswith((PREFIX, f"{KEYLESS}/")):
        raise UsageError(f"name: use a name that begins neither with {PREFIX} nor with {KEYLESS}/")
    return name


def _check(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    while len(digits) < _CHECK:
        number, rest = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[rest] + digits
    return digits
