"""Send events by POST, with the standard library alone, because a CI step installs nothing.

Certificate authorities come from SSL_CERT_FILE and SSL_CERT_DIR. A redirect is not followed, so the key
goes only to the configured address.

This module is exempt from core's rule against I/O. It uses http.client, which follows no redirect.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Callable, NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gitdailies_core.ci.reporting.report import DONE, Attempted, body_of
from gitdailies_core.ci.sending.proxy import named, proxy_of, through
from gitdailies_core.ci.sending.receiver import Answer, Receiver, shown
from gitdailies_core.ci.sending.undelivered import after, no_answer, unanswered
from gitdailies_core.events.receivers import ID_HEADER, KEY_HEADER
from gitdailies_core.html_answer import is_html

_LONGEST_ANSWER_BYTES = 64 * 1024
_PROXY_ASKS = 407


def send_all(events: Iterable[Mapping[str, Any]], receiver: Receiver, until: datetime) -> list[Attempted]:
    """Send *events* in order, all of them together until *until*."""
    return [send(event, receiver, until=until) for event in events]


def send(
    event: Mapping[str, Any],
    receiver: Receiver,
    *,
    until: datetime | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    wait: Callable[[float], None] = time.sleep,
) -> Attempted:
    """Send *event*. Retry after no answer, 429 or 5xx, within the receiver's limits. Raises nothing.

    An empty event is a question, by GET. Its answer is in `body`.
    *until* is the time at which a caller that sends several events gives up.
    """
    until = until or now() + timedelta(seconds=receiver.longest_seconds)
    attempt = 0
    while True:
        attempt += 1
        answer = _bounded_post(event, receiver, (until - now()).total_seconds())
        if answer.is_taken:
            body = answer.body if isinstance(answer.body, dict) else {}
            unchanged = body.get("status") == "unchanged"
            return Attempted(
                event, DONE, answer.status, attempt, answer.message, unchanged=unchanged, body=body
            )
        found = after(event, answer, receiver, attempt, now=now(), until=until)
        if isinstance(found, Attempted):
            return found
        wait(max((found - now()).total_seconds(), 0.0))


class Fault(NamedTuple):
    """Why there is no response, and whether there was a connection."""

    error: Exception
    connected: bool


def _bounded_post(event: Mapping[str, Any], receiver: Receiver, seconds: float) -> Answer:
    # A socket's time limit covers neither name resolution nor an answer that arrives byte by byte. A
    # thread waits for both, and does nothing else, because it may run on after that.
    seconds = max(0.1, min(receiver.timeout_seconds, seconds))
    proxy: SplitResult | None = None
    ended: list[tuple[HTTPResponse, bytes] | Fault] = []
    try:
        proxy = proxy_of(urlsplit(receiver.url))
    except ValueError as error:
        ended.append(Fault(error, connected=False))
    else:
        thread = threading.Thread(target=lambda: ended.append(_post(event, receiver, proxy)), daemon=True)
        thread.start()
        thread.join(seconds)
    found = ended[0] if ended else None
    if found is None:
        return no_answer(receiver, seconds, proxy)
    if isinstance(found, Fault):
        return unanswered(found.error, receiver, proxy, connected=found.connected)
    return _answered(*found, receiver, proxy)


def _post(
    event: Mapping[str, Any], receiver: Receiver, proxy: SplitResult | None
) -> tuple[HTTPResponse, bytes] | Fault:
    headers = {
        "Content-Type" if event else "Accept": "application/json",
        "User-Agent": receiver.agent,
    }
    key = receiver.key.reveal()
    headers |= {"Authorization": f"Bearer {key}"} if receiver.is_token else {KEY_HEADER: key}
    if event.get("id"):
        headers[ID_HEADER] = event["id"]
    body = json.dumps(body_of(event, receiver.takes), ensure_ascii=False, separators=(",", ":"))
    method, sent = ("POST", body.encode()) if event else ("GET", None)
    return exchange(method, receiver.url, headers, sent, receiver.timeout_seconds, proxy)


def exchange(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    seconds: float,
    proxy: SplitResult | None,
) -> tuple[HTTPResponse, bytes] | Fault:
    """Send a request, and return the response with the beginning of its body."""
    connected = False
    parts = urlsplit(url)
    at = proxy or parts
    port = at.port or (80 if proxy else None)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(at.hostname or "", port, timeout=seconds)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy:
            target = through(proxy, connection, url, target, headers)
        try:
            connection.connect()
            connected = True
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                try:
                    return response, response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    return response, b""
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return Fault(error, connected)


def _answered(response: HTTPResponse, raw: bytes, receiver: Receiver, proxy: SplitResult | None) -> Answer:
    status, retry_after = response.status, response.getheader("Retry-After", "")
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, (dict, list)) and is_html(response.getheader("Content-Type", ""), raw):
        # Its tags say nothing to a reader of the log.
        taken = 200 <= status < 300
        return Answer(status, "" if taken else "a web page", retry_after, page=taken)
    # Problem details (RFC 9457) have the message in `detail`.
    detail = body.get("detail") or body.get("title") if isinstance(body, dict) else None
    message = shown(str(detail or text), receiver.key)
    if status == _PROXY_ASKS and proxy:
        message = f"{named(proxy)} asks for a user and a password"
    return Answer(status, message, retry_after, body)
