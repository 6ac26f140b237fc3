"""The receiver of a step's events: where it is, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import Dialect
from gitdailies_core.values.secret import Secret, redact

TIMEOUT_SECONDS = 10.0
RETRIES = 3
# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0

_LONGEST_KEY = 1000
_LONGEST_MESSAGE = 300
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"


@dataclass(frozen=True)
class Receiver:
    """Where events go, and how many attempts are made. Build it with `make`."""

    url: str
    key: Secret
    dialect: Dialect
    agent: str
    timeout_seconds: float
    retries: int
    longest_seconds: float

    @classmethod
    def make(
        cls,
        *,
        url: str,
        key: Secret,
        dialect: Dialect,
        agent: str,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> Receiver:
        """Check the address and the key. Spaces and line ends around them are removed.

        Raises UsageError. It shows neither the key nor a user name in the address.
        """
        parts = _address(url.strip())
        if dialect.path is not None:
            parts = parts._replace(path=dialect.path)
        plain = key.reveal().strip()
        if not _visible(plain) or len(plain) > _LONGEST_KEY:
            raise UsageError(
                "webhook-key: expected printable characters without spaces, got "
                + ("nothing" if not plain else "something else")
            )
        return cls(
            url=urlunsplit(parts),
            key=Secret(plain, key.origin),
            dialect=dialect,
            agent=agent,
            timeout_seconds=timeout_seconds,
            retries=retries,
            longest_seconds=longest_seconds,
        )


@dataclass(frozen=True)
class Answer:
    """The answer to one attempt, or why there is none.

    `page`: it is a 2xx with a web page. `final`: another attempt would end in the same way.
    """

    status: int | None
    message: str
    retry_after: str = ""
    body: Any = None
    final: bool = False
    page: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300 and not self.page


def shown(text: str, key: Secret) -> str:
    """Return what a receiver said as one short line without the key."""
    line = redact(text, key).strip()
    if not line.isprintable():
        line = re.sub(_CONTROL, " ", line).strip()
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def warning_about(url: str) -> str:
    """Return a warning if the key goes to *url* readable for everyone on the way, or ""."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return ""
    from gitdailies_core.values.hosts import is_private

    if is_private(parts.hostname or ""):
        return ""
    return "webhook-url: http sends the key and the deploys unencrypted; use https"


def _address(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
        # Reading the port raises ValueError if it is not a number.
        usable = plain and parts.port != 0 and _visible(url)
    except ValueError:
        usable = False
    if not usable:
        from gitdailies_core.ci.userinfo import without_user

        raise UsageError(
            f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
        )
    return parts


def _visible(text: str) -> bool:
    """Whether *text* is of ASCII characters that are seen, and of one at least."""
    return text.isascii() and text.isprintable() and " " not in text and text != ""
