"""Ask a server for what a key may read: the commands about figures and the review do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitdailies_core.errors import DeliveryError, Refused, UsageError
from gitdailies_core.values.secret import Secret

if TYPE_CHECKING:
    from gitdailies_connection.http.response import Response

READ_KEY = "GITDAILIES_READ_KEY"
_SECONDS = 30


def ask(url: str, key_env: str, path: str) -> Response:
    """Return the answer (200) of the server at *url* to a request for *path*.

    *key_env* names the variable with the key. Raises UsageError, Refused and DeliveryError.
    """
    from gitdailies_connection import addresses
    from gitdailies_connection.http.sender import Sender

    key = Secret(os.environ.get(key_env, "").strip(), key_env)
    if not key:
        raise UsageError(f"{key_env}: this variable is empty; put a key in it that may read")
    try:
        # Other commands take the address for events, so this one accepts it too.
        server = addresses.check_receiver(url, allow_http=True).rstrip("/").removesuffix("/webhooks")
    except ValueError as error:
        raise UsageError(f"--url: {error}") from None
    with Sender(f"{server}{path}", timeout_seconds=_SECONDS) as sender:
        answer = sender.fetch(key=key)
    if answer.status == 200:
        return answer
    message = answer.message(key)
    if answer.status in (401, 403):
        raise Refused(message)
    if answer.status == 400:
        raise UsageError(message)
    raise DeliveryError(f"--url: {server} answered with {answer.status}: {message}")
