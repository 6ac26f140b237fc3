"""The receiver of a step's events: where it is, and what it answers."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gitdailies_core.ci.job.userinfo import without_user
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.hosts import is_private
from gitdailies_core.values.secret import Secret, redact

TIMEOUT_SECONDS = 10.0
# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0

# An ID token is longer than a key.
_LONGEST_KEY = 16_000
_LONGEST_MESSAGE = 300
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"


class Receiver(NamedTuple):
    """Where events go, and how many attempts are made. `checked` refuses a wrong one.

    `is_token`: the key is an ID token.
    `takes` is one of `RECEIVERS`: whether it gets all fields. `retries` is None where only time is a limit.
    """

    url: str
    key: Secret
    takes: str
    agent: str
    timeout_seconds: float = TIMEOUT_SECONDS
    retries: int | None = None
    longest_seconds: float = LONGEST_SECONDS
    is_token: bool = False

    def checked(self) -> Receiver:
        """Return it without the spaces and line ends around the address and the key.

        Raises UsageError. It shows neither the key nor a user name in the address.
        """
        plain = self.key.reveal().strip()
        url = urlunsplit(_address(self.url.strip()))
        if not _visible(plain) or len(plain) > _LONGEST_KEY:
            raise UsageError(
                "webhook-key: expected printable characters without spaces, got "
                + ("nothing" if not plain else "something else")
            )
        return self._replace(url=url, key=Secret(plain, self.key.origin))


class Answer(NamedTuple):
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
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "\u2026"


def warning_about(url: str) -> str:
    """Return a warning if the key goes to *url* readable for everyone on the way, or ""."""
    parts = urlsplit(url)
    if parts.scheme != "http" or is_private(parts.hostname or ""):
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
        raise UsageError(
            f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
        )
    return parts


def _visible(text: str) -> bool:
    """Whether *text* is of ASCII characters that are seen, and of one at least."""
    return text.isascii() and text.isprintable() and " " not in text and text != ""
