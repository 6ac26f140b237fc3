"""The sender of the one-file steps: an event by POST, on the standard library alone.

Excepted from core's rule against I/O by name. Proxies come from HTTPS_PROXY, HTTP_PROXY and
NO_PROXY, certificate authorities from SSL_CERT_FILE and SSL_CERT_DIR. A redirect is an answer
like any other: the key goes to the address that was set and nowhere else.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.client import HTTPException
from typing import Any, Callable
from urllib.parse import urlsplit, urlunsplit

from gitdailies_core.ci.git_url import without_user
from gitdailies_core.describe import got
from gitdailies_core.dialect import ID_HEADER, KEY_HEADER, Dialect
from gitdailies_core.errors import UsageError
from gitdailies_core.events import Event
from gitdailies_core.retry import Again, Done, Outcome, Pause, decide
from gitdailies_core.secret import Secret, redact

DELIVERED = "delivered"
REFUSED = "refused"
NOT_DELIVERED = "not delivered"

TIMEOUT_SECONDS = 10.0
RETRIES = 3
# All attempts and waits together: a deploy job waits for them.
LONGEST_SECONDS = 60.0

_LONGEST_ANSWER_BYTES = 64 * 1024
_LONGEST_SAID = 300
_KEY = re.compile(r"^[\x21-\x7e]{1,1000}$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Receiver:
    """Where events go and how hard is tried; build it with `make`."""

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
        """Check address and key; spaces and line ends around them are taken away.

        Raises UsageError, which shows neither the key nor a user in the address.
        """
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise UsageError(
                f"webhook-url: expected an http or https address without a user, got {got(without_user(url))}"
            )
        if dialect.path is not None:
            parts = parts._replace(path=dialect.path)
        plain = key.reveal().strip()
        if not _KEY.match(plain):
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
    """What came of sending an event; `said` never holds the key and is one line."""

    outcome: str
    status: int | None
    attempts: int
    said: str
    unchanged: bool = False


def send_all(events: Iterable[Event], receiver: Receiver) -> list[Receipt]:
    """Send *events* in order; the receiver's longest time is that of all of them together."""
    until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
    return [send(event, receiver, until=until) for event in events]


@dataclass(frozen=True)
class _Answer:
    status: int | None
    said: str
    retry_after: str = ""
    body: Any = None
    final: bool = False


def send(
    event: Event,
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Receipt:
    """Send *event*, again after no answer, 429 or 5xx, within the receiver's bounds; raises nothing.

    *until* is the moment when a caller that sends several events gives up.
    """
    first_attempt_at = now()
    until = until or first_attempt_at + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        verdict = decide(
            Outcome(answer.status, answer.said, answer.retry_after),
            attempt=attempt,
            first_attempt_at=first_attempt_at,
            now=now(),
            jitter=_jitter,
        )
        if isinstance(verdict, Done):
            body = answer.body if isinstance(answer.body, dict) else {}
            return Receipt(
                DELIVERED, answer.status, attempt, answer.said, unchanged=body.get("status") == "unchanged"
            )
        if isinstance(verdict, Pause) and verdict.what == "address":
            return Receipt(NOT_DELIVERED, answer.status, attempt, f"{verdict.reason}; check webhook-url")
        if not isinstance(verdict, Again):
            remedy = "; check webhook-key" if isinstance(verdict, Pause) else ""
            return Receipt(REFUSED, answer.status, attempt, verdict.reason + remedy)
        if attempt > receiver.retries or answer.final or verdict.at >= until:
            attempts = f"{attempt} attempt{'s' if attempt > 1 else ''}"
            later = ""
            if answer.retry_after and verdict.at >= until:
                later = (
                    f"; it asks to wait longer than the {receiver.longest_seconds:g} s that a job may take"
                )
            return Receipt(NOT_DELIVERED, answer.status, attempt, f"{verdict.reason} ({attempts}){later}")
        wait(max((verdict.at - now()).total_seconds(), 0.0))


def _bounded_post(event: Event, receiver: Receiver, seconds: float) -> _Answer:
    # A socket's time-out bounds neither the look-up of a name nor an answer that comes in drips.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    answers: list[_Answer] = []
    thread = threading.Thread(target=lambda: answers.append(_post(event, receiver)), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else _Answer(None, f"no answer within {seconds:g} s")


def _post(event: Event, receiver: Receiver) -> _Answer:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": receiver.agent,
        KEY_HEADER: receiver.key.reveal(),
    }
    if event.id:
        headers[ID_HEADER] = event.id
    request = urllib.request.Request(  # noqa: S310  Receiver.make allows http and https alone
        receiver.url, data=receiver.dialect.dump(event), headers=headers, method="POST"
    )
    try:
        with _opener(receiver.url).open(request, timeout=receiver.timeout_seconds) as response:
            body = response.read(_LONGEST_ANSWER_BYTES)
            return _answered(response.status, body, response.headers.get("Retry-After") or "", receiver)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            return _Answer(None, f"no answer within {receiver.timeout_seconds:g} s")
        said = _line(str(reason) or type(reason).__name__, receiver)
        if type(reason).__name__ == "SSLCertVerificationError":
            # Waiting does not mend a certificate.
            return _Answer(None, f"{said}; a company's own authority goes into SSL_CERT_FILE", final=True)
        return _Answer(None, f"no answer: {said}")


def _opener(url: str) -> urllib.request.OpenerDirector:
    # Without handlers for errors and redirects every status comes back as an answer. The TLS
    # context takes 7 ms and is made only where it is used.
    opener = urllib.request.OpenerDirector()
    proxies = urllib.request.getproxies()
    opener.add_handler(urllib.request.ProxyHandler(proxies))
    opener.add_handler(urllib.request.HTTPHandler())
    if any(address.startswith("https:") for address in (url, *proxies.values())):
        opener.add_handler(urllib.request.HTTPSHandler())
    return opener


def _answered(status: int, raw: bytes, retry_after: str, receiver: Receiver) -> _Answer:
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    # Problem details (RFC 9457) say it in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    return _Answer(status, _line(str(detail or text), receiver), retry_after, body)


def _line(text: str, receiver: Receiver) -> str:
    line = _CONTROL.sub(" ", redact(text, receiver.key)).strip()
    return line if len(line) <= _LONGEST_SAID else line[:_LONGEST_SAID] + "…"


def _jitter() -> float:
    import random

    return random.random()
