"""Send events by POST, with the standard library alone, because a CI step installs nothing.

Certificate authorities come from SSL_CERT_FILE and SSL_CERT_DIR. A redirect is not followed, so the key
goes only to the configured address.

This module is exempt from core's rule against I/O. It uses http.client, because urllib.request takes
ten milliseconds more to load, a fifth of a step's time.
"""

from __future__ import annotations

import _thread
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Callable
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gitdailies_core.ci.receiver import Answer, Receiver, shown
from gitdailies_core.ci.report import DONE, Attempted
from gitdailies_core.events.dialect import ID_HEADER, KEY_HEADER
from gitdailies_core.events.events import Event

_LONGEST_ANSWER_BYTES = 64 * 1024
_PROXY_ASKS = 407


def send_all(events: Iterable[Event], receiver: Receiver) -> list[Attempted]:
    """Send *events* in order. `longest_seconds` applies to all of them together."""
    until = datetime.now(timezone.utc) + timedelta(seconds=receiver.longest_seconds)
    return [send(event, receiver, until=until) for event in events]


def send(
    event: Event,
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Attempted:
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    *until* is the time at which a caller that sends several events gives up.
    """
    first_attempt_at = now()
    until = until or first_attempt_at + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        if answer.is_taken:
            body = answer.body if isinstance(answer.body, dict) else {}
            unchanged = body.get("status") == "unchanged"
            return Attempted(event, DONE, answer.status, attempt, answer.message, unchanged=unchanged)
        # Most events are taken at once.
        from gitdailies_core.ci.undelivered import after

        found = after(event, answer, receiver, attempt, since=first_attempt_at, now=now(), until=until)
        if isinstance(found, Attempted):
            return found
        wait(max((found - now()).total_seconds(), 0.0))


@dataclass(frozen=True)
class _Fault:
    """Why there is no response, and whether there was a connection."""

    error: Exception
    connected: bool


def _bounded_post(event: Event, receiver: Receiver, seconds: float) -> Answer:
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte. A
    # thread waits for both, and does nothing else, because it may run on after that.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    proxy: SplitResult | None = None
    ended: list[tuple[HTTPResponse, bytes] | _Fault] = []
    try:
        if any(name.lower().endswith("_proxy") for name in os.environ):
            from gitdailies_core.ci.proxy import proxy_of

            proxy = proxy_of(urlsplit(receiver.url))
    except ValueError as error:
        ended.append(_Fault(error, connected=False))
    else:
        running = _thread.allocate_lock()
        running.acquire()

        def attempt() -> None:
            try:
                ended.append(_post(event, receiver, proxy))
            finally:
                running.release()

        # `threading` is slow to import.
        _thread.start_new_thread(attempt, ())
        running.acquire(timeout=seconds)
    found = ended[0] if ended else None
    if isinstance(found, tuple):
        return _answered(*found, receiver, proxy)
    from gitdailies_core.ci.undelivered import no_answer, unanswered

    if found is None:
        return no_answer(receiver, seconds, proxy)
    return unanswered(found.error, receiver, proxy, connected=found.connected)


def _post(event: Event, receiver: Receiver, proxy: SplitResult | None) -> tuple[HTTPResponse, bytes] | _Fault:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": receiver.agent,
        KEY_HEADER: receiver.key.reveal(),
    }
    if event.id:
        headers[ID_HEADER] = event.id
    connected = False
    parts = urlsplit(receiver.url)
    at = proxy or parts
    port = at.port or (80 if proxy else None)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(at.hostname or "", port, timeout=receiver.timeout_seconds)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy:
            from gitdailies_core.ci.proxy import through

            target = through(proxy, connection, receiver.url, target, headers)
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
                return response, body
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return _Fault(error, connected)


def _answered(response: HTTPResponse, raw: bytes, receiver: Receiver, proxy: SplitResult | None) -> Answer:
    status, retry_after = response.status, response.getheader("Retry-After", "")
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    page = False
    if not isinstance(body, (dict, list)):
        from gitdailies_core.html_answer import is_html

        page = is_html(response.getheader("Content-Type", ""), raw)
    if page:
        # Its tags say nothing to a reader of the log.
        taken = 200 <= status < 300
        return Answer(status, "" if taken else "a web page", retry_after, page=taken)
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    message = shown(str(detail or text), receiver.key)
    if status == _PROXY_ASKS and proxy:
        from gitdailies_core.ci.proxy import named

        message = f"{named(proxy)} asks for a user and a password"
    return Answer(status, message, retry_after, body)
