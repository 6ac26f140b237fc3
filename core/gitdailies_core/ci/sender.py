"""Send events by POST, with the standard library alone, because a CI step installs nothing.

Proxies come from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and certificate authorities from
SSL_CERT_FILE and SSL_CERT_DIR. A redirect is not followed, so the key goes only to the configured
address.

This module is exempt from core's rule against I/O. It uses http.client, because urllib.request takes
ten milliseconds more to load, a fifth of a step's time. It is imported only to read proxy variables.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Callable
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from gitdailies_core.ci.git_url import without_user
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.events.dialect import ID_HEADER, KEY_HEADER, Dialect
from gitdailies_core.events.events import Event
from gitdailies_core.events.ids import is_self_made
from gitdailies_core.html_answer import is_html
from gitdailies_core.retry import ADDRESS, KEY, Again, Done, Outcome, Pause, decide
from gitdailies_core.values.hosts import is_private
from gitdailies_core.values.secret import Secret, redact

DELIVERED = "delivered"
REFUSED = "refused"
NOT_DELIVERED = "not delivered"

TIMEOUT_SECONDS = 10.0
RETRIES = 3
# All attempts and waits together. The deploy job waits for them.
LONGEST_SECONDS = 60.0

_LONGEST_ANSWER_BYTES = 64 * 1024
_LONGEST_MESSAGE = 300
_LONGEST_KEY = 1000
_CONFLICT = 409
_PROXY_ASKS = 407
# Which input is probably wrong.
_CHECK = {KEY: "webhook-key", ADDRESS: "webhook-url"}
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
class Receipt:
    """The result of sending an event. `message` is one line and never contains the key.

    `check` names the input that is probably wrong, or is empty. `note` is a further line for the log.
    """

    outcome: str
    status: int | None
    attempts: int
    message: str
    unchanged: bool = False
    check: str = ""
    note: str = ""


def send_all(events: Iterable[Event], receiver: Receiver) -> list[Receipt]:
    """Send *events* in order. `longest_seconds` applies to all of them together."""
    until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
    return [send(event, receiver, until=until) for event in events]


@dataclass(frozen=True)
class _Answer:
    status: int | None
    message: str
    retry_after: str = ""
    body: Any = None
    final: bool = False
    page: bool = False


def send(
    event: Event,
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    *until* is the time at which a caller that sends several events gives up.
    """
    first_attempt_at = now()
    until = until or first_attempt_at + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        verdict = decide(
            Outcome(answer.status, answer.message, answer.retry_after, answer.page),
            attempt=attempt,
            first_attempt_at=first_attempt_at,
            now=now(),
            jitter=_jitter,
        )
        if isinstance(verdict, Done):
            body = answer.body if isinstance(answer.body, dict) else {}
            return Receipt(
                DELIVERED, answer.status, attempt, answer.message, unchanged=body.get("status") == "unchanged"
            )
        if answer.status == _CONFLICT and event.id and is_self_made(event.id):
            # Such an id names one deploy, whatever else an attempt says of it.
            note = f"the receiver has {event.id} already, with other content, and keeps the first"
            return Receipt(DELIVERED, answer.status, attempt, answer.message, unchanged=True, note=note)
        if isinstance(verdict, Pause):
            outcome = REFUSED if verdict.what == KEY else NOT_DELIVERED
            return Receipt(
                outcome, answer.status, attempt, verdict.reason, check=_CHECK.get(verdict.what, "")
            )
        if not isinstance(verdict, Again):
            return Receipt(REFUSED, answer.status, attempt, verdict.reason)
        if attempt > receiver.retries or answer.final or verdict.at >= until:
            attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
            later = ""
            if answer.retry_after and verdict.at >= until:
                later = (
                    f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
                )
            return Receipt(NOT_DELIVERED, answer.status, attempt, f"{verdict.reason} ({attempts}){later}")
        wait(max((verdict.at - now()).total_seconds(), 0.0))


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


def _bounded_post(event: Event, receiver: Receiver, seconds: float) -> _Answer:
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    answers: list[_Answer] = []
    thread = threading.Thread(target=lambda: answers.append(_post(event, receiver)), daemon=True)
    thread.start()
    thread.join(seconds)
    if answers:
        return answers[0]
    return _no_answer(receiver, seconds)


def _no_answer(receiver: Receiver, seconds: float) -> _Answer:
    where = urlsplit(receiver.url).netloc
    try:
        proxy = _proxy(urlsplit(receiver.url))
    except ValueError:
        proxy = None
    through = f", through {_named(proxy)}" if proxy else ""
    return _Answer(None, f"{where}{through}: no answer within {seconds:g} s")


def _post(event: Event, receiver: Receiver) -> _Answer:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": receiver.agent,
        KEY_HEADER: receiver.key.reveal(),
    }
    if event.id:
        headers[ID_HEADER] = event.id
    proxy: SplitResult | None = None
    connected = False
    try:
        proxy = _proxy(urlsplit(receiver.url))
        connection, target = _connection(receiver, headers, proxy)
        try:
            connection.connect()
            connected = True
            connection.request("POST", target, receiver.dialect.dump(event), headers)
            with connection.getresponse() as response:
                try:
                    body = response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    body = b""
                return _answered(response, body, receiver, proxy)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return _unanswered(error, receiver, None if connected else proxy)


def _connection(
    receiver: Receiver, headers: dict[str, str], proxy: SplitResult | None
) -> tuple[HTTPConnection, str]:
    """Return a connection, which is not made yet, and the request's target.

    Without a tunnel, the proxy's password is added to *headers*.
    """
    parts = urlsplit(receiver.url)
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    secure = parts.scheme == "https"
    connect = HTTPSConnection if secure else HTTPConnection
    if proxy is None:
        return connect(parts.hostname or "", parts.port, timeout=receiver.timeout_seconds), target
    connection = connect(proxy.hostname or "", proxy.port or 80, timeout=receiver.timeout_seconds)
    authorization = {}
    if proxy.username:
        import base64

        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        authorization["Proxy-Authorization"] = f"Basic {base64.b64encode(user).decode()}"
    if secure:
        connection.set_tunnel(parts.hostname or "", parts.port or 443, authorization)
        return connection, target
    headers.update(authorization)
    return connection, receiver.url


def _proxy(parts: SplitResult) -> SplitResult | None:
    """Return the address of the proxy that the environment names for *parts*, or None.

    Raises ValueError, which names the variable, for a proxy that does not take plain HTTP.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    import urllib.request

    proxies = urllib.request.getproxies_environment()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass_environment(parts.netloc, proxies):  # type: ignore[attr-defined]
        return None
    try:
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        # Reading the port raises ValueError if it is no number. Its text may show a password.
        usable = proxy.scheme == "http" and proxy.hostname and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{parts.scheme.upper()}_PROXY: expected an http:// address, got another")
    return proxy


def _unanswered(error: Exception, receiver: Receiver, proxy: SplitResult | None) -> _Answer:
    """Return why there is no answer. *proxy* is the proxy that could not be reached."""
    where = urlsplit(receiver.url).netloc
    if type(error).__name__ == "SSLCertVerificationError":
        # A retry does not mend a certificate. By name, so that this module need not import ssl.
        message = _line(str(getattr(error, "verify_message", error)), receiver)
        remedy = "SSL_CERT_FILE names the file of a company's own authority"
        return _Answer(None, f"{where}: certificate not trusted: {message}; {remedy}", final=True)
    if isinstance(error, TimeoutError) and not proxy:
        return _no_answer(receiver, receiver.timeout_seconds)
    if proxy:
        where = f"{_named(proxy)}, on the way to {where}"
    if isinstance(error, TimeoutError):
        return _Answer(None, f"{where}: no answer within {receiver.timeout_seconds:g} s")
    message = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _Answer(None, f"{where}: {_line(message, receiver).lower()}", final=isinstance(error, ValueError))


def _named(proxy: SplitResult) -> str:
    # Without its user and password.
    return f"the proxy {proxy.hostname}:{proxy.port or 80}"


def _answered(response: HTTPResponse, raw: bytes, receiver: Receiver, proxy: SplitResult | None) -> _Answer:
    status, retry_after = response.status, response.getheader("Retry-After", "")
    page = is_html(response.getheader("Content-Type", ""), raw)
    taken = 200 <= status < 300
    if page:
        # Its tags say nothing to a reader of the log.
        return _Answer(status, "" if taken else "a web page", retry_after, page=taken)
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    message = _line(str(detail or text), receiver)
    if status == _PROXY_ASKS and proxy:
        message = f"{_named(proxy)} asks for a user and a password"
    return _Answer(status, message, retry_after, body)


def _line(text: str, receiver: Receiver) -> str:
    line = redact(text, receiver.key).strip()
    if not line.isprintable():
        line = re.sub(_CONTROL, " ", line).strip()
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _jitter() -> float:
    import random

    return random.random()
