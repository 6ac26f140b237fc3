"""Post one message to a chat, and remember that it was sent. It never sends twice by itself.

| answer | what follows |
| --- | --- |
| 2xx | it is sent |
| 429, 503, or no connection | another attempt, at most four in all |
| any other | it was refused; nothing is remembered |
| a connection that ends before the answer | it may have arrived, so only `--again` sends it again |
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.retry import Outcome, delay_seconds
from gitdailies_core.values.secret import Secret, redact

_ATTEMPTS = 4
_SECONDS = 20
# A job of cron should end soon. A chat that wants a longer pause gets the message of the next run.
_LONGEST_WAIT_SECONDS = 60
_AGAIN_STATUSES = frozenset({429, 503})
# Shorter pieces of an address are words such as "services".
_SHORTEST_SECRET = 9
_SENDING, _SENT = "sending", "sent"
_LOOK = "look there, and send it with --again if it is missing"
# Those of some years. The file stays small.
_MOST_KEPT = 1000


def name_of(address: Secret, *what: str) -> str:
    """Return the name of a message in the file of sent messages. It does not show the address."""
    return " ".join([*filter(None, what), sha256(address.reveal().encode()).hexdigest()[:12]])


def post_once(path: Path, name: str, address: Secret, body: bytes, *, again: bool) -> str:
    """Post a message unless the file at *path* has its name, and return a sentence that says what was done.

    Raises UsageError for a file that cannot be used, Refused if the chat refuses the message, and
    DeliveryError if it was not sent or may have been. One process at a time has the file.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"--sent: cannot write {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = _read(file, path)
        state, at = known.get(name, ("", ""))
        if state == _SENT and not again:
            return f"not sent: it was sent at {at}; --again sends it again"
        if state == _SENDING and not again:
            raise DeliveryError(f"{address.origin}: the message may have arrived at {at}; {_LOOK}")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        _write(file, {**known, name: (_SENDING, now)})
        try:
            _post(address, body)
        except _NotArrived as error:
            _write(file, {one: known[one] for one in known if one != name})
            raise error.told from None
        _write(file, {**known, name: (_SENT, now)})
    return f"sent to {address.origin}"


def _read(file: TextIO, path: Path) -> dict[str, tuple[str, str]]:
    """Return the state of each message, and since when."""
    try:
        return {
            str(name): (str(state), str(at)) for name, (state, at) in json.loads(file.read() or "{}").items()
        }
    except (ValueError, TypeError, AttributeError):
        raise UsageError(
            f"--sent: expected a file that this command wrote, got another one at {path}"
        ) from None


def _write(file: TextIO, known: Mapping[str, tuple[str, str]]) -> None:
    """Write the state of each message, so that it stays if the machine fails."""
    file.seek(0)
    file.truncate()
    json.dump(dict(list(known.items())[-_MOST_KEPT:]), file, indent=1)
    file.flush()
    os.fsync(file.fileno())


class _NotArrived(Exception):
    """The message did not arrive; `told` says why."""

    def __init__(self, told: Exception) -> None:
        self.told = told


def _post(address: Secret, body: bytes) -> None:
    """Post a message; raises _NotArrived, and DeliveryError if it may have arrived."""
    for attempt in range(1, _ATTEMPTS + 1):
        outcome = _try(address, body)
        status = outcome.status
        if status is not None and 200 <= status < 300:
            return
        if status is not None and status not in _AGAIN_STATUSES:
            told = f"{address.origin}: the chat refused the message: {status} {outcome.error}".rstrip()
            raise _NotArrived(Refused(told) if status < 500 else DeliveryError(told))
        wait = delay_seconds(outcome, attempt=attempt, now=datetime.now(UTC), jitter=random.random)
        if attempt == _ATTEMPTS or wait > _LONGEST_WAIT_SECONDS:
            said = outcome.error if status is None else f"{status} {outcome.error}".rstrip()
            times = "one attempt" if attempt == 1 else f"{attempt} attempts"
            raise _NotArrived(DeliveryError(f"{address.origin}: nothing was sent after {times}: {said}"))
        time.sleep(wait)


def _try(address: Secret, body: bytes) -> Outcome:
    """Make one attempt. No connection is an outcome; raises DeliveryError if the message may have arrived."""
    from gitdailies_connection.http.bounded_client import ask
    from gitdailies_connection.http.failures import NotConnected

    url = address.reveal()
    headers = {"Content-Type": "application/json"}
    try:
        return ask("POST", url, headers, body, seconds=_SECONDS).outcome(*_parts(url))
    except NotConnected as error:
        return Outcome(None, redact(str(error), *_parts(url)))
    except DeliveryError as error:
        told = f"{address.origin}: the message may have arrived: {redact(str(error), *_parts(url))}"
        raise DeliveryError(f"{told}; {_LOOK}") from None


def _parts(url: str) -> list[Secret]:
    """Return what of an address may be secret: all but its host, also piece by piece."""
    parts = urlsplit(url)
    pieces = [parts.query, *parts.path.split("/")]
    long = [piece for piece in pieces if len(piece) >= _SHORTEST_SECRET]
    return list(map(Secret, (url, parts.path.rstrip("/"), *long)))
