"""A receiver's response, or the reason why there is none, as a short and safe text."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from gitdailies_core.errors import UnreadableBody
from gitdailies_core.html_answer import is_html
from gitdailies_core.retry import Outcome
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret, redact

from gitdailies_connection.http.connection_pool import ForbiddenAddress

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


def is_unreachable(error: BaseException) -> bool:
    """Whether no server was found: the name is unknown, or nothing listens there."""
    kinds = (ConnectionRefusedError, urllib3.exceptions.NameResolutionError)
    return any(isinstance(one, kinds) for one in _chain(error))


def _host(address: str) -> str:
    """Return host and port of the address of a proxy, without its password."""
    return urlsplit(address if "//" in address else f"//{address}").netloc.rpartition("@")[2]


def failure_reason(error: BaseException, *, url: str, proxy: str | None, seconds: float) -> str:
    """Return why there was no response, from *error*, with host and port, also of the *proxy*."""
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    chain = list(_chain(error))

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if proxy is not None:
        is_of_proxy = any_is(urllib3.exceptions.ProxyError, requests.exceptions.ProxyError)
        named = f"the proxy {_host(proxy)}"
        where = f"{named} for {where}" if is_of_proxy else f"{where} through {named}"
    blocked = next((one for one in chain if isinstance(one, ForbiddenAddress)), None)
    if blocked is not None:
        return f"{where}: expected the address of a receiver, got {blocked}"
    tls = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"{where}: TLS: certificate not trusted: {excerpt(tls.verify_message)}"
    if tls is not None:
        reason = tls.reason or "the server does not speak TLS"
        return f"{where}: TLS: {excerpt(reason.replace('_', ' ').lower())}"
    if any_is(urllib3.exceptions.NameResolutionError):
        return f"{where}: name not resolved"
    if any_is(ConnectionRefusedError):
        return f"{where}: connection refused"
    if any_is(requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return f"{where}: timed out after {seconds:g} s"
    if any_is(requests.exceptions.InvalidSchema):
        return f"{where}: the kind of proxy named in the environment is not supported"
    refused = re.search(r"Tunnel connection failed: (\d{3})", " ".join(map(str, chain)))
    if refused:
        return f"{where}: refused by the proxy with {refused[1]}"
    if any_is(ConnectionError, urllib3.exceptions.ProtocolError):
        return f"{where}: connection closed before the complete answer arrived"
    reason = next((one.strerror for one in chain if isinstance(one, OSError) and one.strerror), "")
    return f"{where}: {excerpt(reason or type(chain[-1]).__name__).lower()}"


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


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and all errors that it wraps; libraries keep the cause in args, reason or cause."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
