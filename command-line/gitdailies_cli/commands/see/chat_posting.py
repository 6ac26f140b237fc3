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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
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
# Those of some years. The file stays small.
_MOST_KEPT = 1000


class Ledger:
    """The file that says what was sent. One process at a time has it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def entry(self, name: str) -> Iterator[Entry]:
        """Yield what is known of a message, while no other process sends it; raises UsageError."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"--sent: cannot write {self._path}: {error.strerror}") from None
        with os.fdopen(file, "r+", encoding="utf-8") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            try:
                known = json.loads(opened.read() or "{}")
                state, at = known.get(name, ["", ""])
            except (ValueError, TypeError, AttributeError):
                raise UsageError(
                    f"--sent: expected a file that this command wrote, got another one at {self._path}"
                ) from None
            yield Entry(opened, known, name, state, at)


class Entry:
    """One message of a ledger: its `state`, which is "" if it was not sent, and since when."""

    def __init__(self, file: Any, known: dict[str, list[str]], name: str, state: str, at: str) -> None:
        self._file, self._known, self._name = file, known, name
        self.state, self.at = state, at

    def write(self, state: str) -> None:
        """Write the state, so that it stays if the machine fails; "" forgets the message."""
        self._known.pop(self._name, None)
        if state:
            self._known[self._name] = [state, datetime.now(UTC).isoformat(timespec="seconds")]
        kept = dict(list(self._known.items())[-_MOST_KEPT:])
        self._file.seek(0)
        self._file.truncate()
        json.dump(kept, self._file, indent=1)
        self._file.flush()
        os.fsync(self._file.fileno())


def name_of(address: Secret, *what: str) -> str:
    """Return the name of a message in a ledger, which does not show the address."""
    return " ".join([*filter(None, what), sha256(address.reveal().encode()).hexdigest()[:12]])


def post_once(ledger: Ledger, name: str, address: Secret, body: bytes, *, again: bool) -> str:
    """Post a message unless it was sent, and return a sentence that says what was done.

    Raises Refused if the chat refuses it, and DeliveryError if it was not sent or may have been.
    """
    with ledger.entry(name) as entry:
        if entry.state == _SENT and not again:
            return f"not sent: it was sent at {entry.at}; --again sends it again"
        if entry.state == _SENDING and not again:
            raise DeliveryError(
                f"{address.origin}: the message may have arrived at {entry.at}, since no answer came; "
                "look there, and send it with --again if it is missing"
            )
        entry.write(_SENDING)
        try:
            _post(address, body)
        except _NotArrived as error:
            entry.write("")
            raise error.told from None
        entry.write(_SENT)
    return f"sent to {address.origin}"


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
        raise DeliveryError(f"{told}; look there, and send it with --again if it is missing") from None


def _parts(url: str) -> list[Secret]:
    """Return what of an address may be secret: all but its host, also piece by piece."""
    parts = urlsplit(url)
    pieces = [parts.query, *parts.path.split("/")]
    long = [piece for piece in pieces if len(piece) >= _SHORTEST_SECRET]
    return list(map(Secret, (url, parts.path.rstrip("/"), *long)))
