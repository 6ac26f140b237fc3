"""A receiver's response, and what it says as a short and safe text."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gitdailies_core.errors import UnreadableBody
from gitdailies_core.html_answer import is_html
from gitdailies_core.retry import Outcome
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret, redact

_LONGEST_ANSWER = 500  # of the answer that `relay show` prints
_LONGEST_EXCERPT = 300
# Names under which servers say what is wrong: problem+json (RFC 9457) first, then common habits.
_MESSAGE_FIELDS = ("detail", "title", "message", "error", "error_description")


@dataclass(frozen=True)
class Response:
    """Status, the relevant headers (names in lower case), and the body, cut if it is too long.

    `broken` says that the connection ended inside the body, `cut` that it was longer.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    broken: bool = False
    cut: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Whether the answer is a web page."""
        return is_html(self.headers.get("content-type", ""), self.body)

    def json(self) -> Any:
        """Decode the body; raises UnreadableBody."""
        return strict_json.loads(self.body)

    @property
    def _is_encoded(self) -> bool:
        return self.headers.get("content-encoding", "identity").lower() != "identity"

    @property
    def _text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def outcome(self, *secrets: Secret) -> Outcome:
        """Return the outcome that core decides on; *secrets* are removed from its text."""
        is_success = 200 <= self.status < 300
        page = is_success and self.is_html
        error = self.message(*secrets) if page or not is_success else ""
        answer = "" if self._is_encoded else excerpt(redact(self._text, *secrets), _LONGEST_ANSWER)
        return Outcome(self.status, error, self.headers.get("retry-after", "")[:100], page, answer)

    def message(self, *secrets: Secret) -> str:
        """Return the receiver's explanation as a short line, without *secrets*."""
        if 300 <= self.status < 400:
            return excerpt(redact(_redirect(self.headers.get("location", "")), *secrets))
        if self._is_encoded:
            return "an answer in an unexpected encoding"
        text = self._text
        if self.content_type.endswith("json") or text.lstrip().startswith("{"):
            text = _message_in(self.body) or text
        elif self.is_html:
            title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
            text = title[1] if title else "an HTML page"
        # Secrets are removed before the text is cut: part of a key would not be found.
        return excerpt(redact(text, *secrets))


def excerpt(text: str, longest: int = _LONGEST_EXCERPT) -> str:
    """Put text from outside on one line, escape control characters, and cut it."""
    line = " ".join(text.split())
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line[: longest + 1])
    return line if len(line) <= longest else line[:longest] + "…"


def _message_in(body: bytes) -> str:
    try:
        value = strict_json.loads(body)
    except UnreadableBody:
        return ""
    if not isinstance(value, dict):
        return ""
    return next(
        (value[name] for name in _MESSAGE_FIELDS if isinstance(value.get(name), str) and value[name]), ""
    )


def _redirect(location: str) -> str:
    try:
        parts = urlsplit(location)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        return "a redirect, which is not followed"
    # Without query and user, which may contain anything.
    return f"a redirect to {parts.scheme}://{host}{parts.path}, which is not followed"
