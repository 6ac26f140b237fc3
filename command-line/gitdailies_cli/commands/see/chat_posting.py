"""Post one message to a chat, and remember that it was sent. It never sends twice by itself.

| answer | what follows |
| --- | --- |
| 2xx | it is sent |
| 429, 503, or no connection | another attempt, at most four in all |
| any other | it was refused; nothing is remembered |
| a connection that ends before the answer | it may have arrived, so only `--again` sends it again |
"""

import fcntl
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from io import FileIO
from pathlib import Path

from gitdailies_core.errors import DeliveryError, GitDailiesError, Refused, UsageError
from gitdailies_core.retry import Outcome, describe
from gitdailies_core.values.http_answers import wait_seconds
from gitdailies_core.values.secret import Secret, redact

from gitdailies_cli import output

_ATTEMPTS = 4
_SECONDS = 20
# A job of cron should end soon. A chat that wants a longer pause gets the message of the next run.
_LONGEST_WAIT_SECONDS = 60
_LOOK = "look there, and send it with --again if it is missing"
# What the file of a message says: it may be on its way, or it was sent. An empty file says neither.
_BEGUN, _SENT = b"begun", b"sent"
_AGAIN_STATUSES = frozenset({429, 503})
# What of an address may be secret, also piece by piece. Shorter pieces are words such as "services".
_SECRET = re.compile(r"[^/?&]{9,}")


def post_once(folder: Path, address: Secret, body: bytes, *what: str, again: bool) -> str:
    """Post a message unless a file in *folder* says it was sent, and return a sentence of what was done.

    The file is written before the message is sent, and locked meanwhile: another process waits for the end.
    Raises UsageError for a folder that cannot be used, Refused if the chat refuses the message, and
    DeliveryError if it was not sent or may have been.
    """
    name = sha256("\0".join([address.reveal(), *what]).encode()).hexdigest()[:32]
    with _writing(folder):
        folder.mkdir(exist_ok=True)
        mark = FileIO(os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    with mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        state = mark.read()
        at = datetime.fromtimestamp(os.fstat(mark.fileno()).st_mtime, UTC).isoformat(timespec="seconds")
        if state == _SENT and not again:
            return f"not sent: it was sent at {at}; --again sends it again"
        if state and not again:
            raise DeliveryError(f"{address.origin}: the message may have arrived at {at}; {_LOOK}")
        with _writing(folder):
            _write(mark, _BEGUN)
        fault = _post(address, body)
        _write(mark, b"" if fault else _SENT)
    if fault:
        raise fault
    return f"sent to {address.origin}"


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"--sent: cannot write into {folder}: {error.strerror}") from None


def _write(mark: FileIO, state: bytes) -> None:
    mark.seek(0)
    mark.write(state)
    mark.truncate()


def _post(address: Secret, body: bytes) -> GitDailiesError | None:
    """Post a message. Returns why it did not arrive, and raises DeliveryError if it may have arrived."""
    from gitdailies_connection.http.bounded_client import ask
    from gitdailies_connection.http.failures import NotConnected

    url, headers = address.reveal(), {"Content-Type": "application/json"}
    secrets = [url, *_SECRET.findall(url.partition("//")[2].partition("/")[2])]
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            outcome = ask("POST", url, headers, body, seconds=_SECONDS).outcome(*map(Secret, secrets))
        except NotConnected as error:
            outcome = Outcome(None, redact(str(error), *secrets))
        except DeliveryError as error:
            told = f"{address.origin}: the message may have arrived: {redact(str(error), *secrets)}"
            raise DeliveryError(f"{told}; {_LOOK}") from None
        status = outcome.status
        if status is not None and 200 <= status < 300:
            return None
        if status is not None and status not in _AGAIN_STATUSES:
            told = f"{address.origin}: the chat refused the message: {describe(outcome)}"
            return Refused(told) if status < 500 else DeliveryError(told)
        wait = wait_seconds(outcome.retry_after, attempt=attempt, now=datetime.now(UTC), jitter=random.random)
        if attempt == _ATTEMPTS or wait > _LONGEST_WAIT_SECONDS:
            break
        time.sleep(wait)
    times = output.counted(attempt, "attempt")
    return DeliveryError(f"{address.origin}: nothing was sent after {times}: {describe(outcome)}")
