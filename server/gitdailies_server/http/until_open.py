"""What a server answers before its store is open: a migration may take long, and the process is alive."""

import asyncio

from gitdailies_server.http.exchange import Exchange

_JSON = (b"content-type", b"application/json")
_ALIVE = b'{"status": "alive"}'
_MIGRATING = b'{"status": "unavailable", "reason": "migrating: the store is being opened"}'


class UntilOpen:
    """An application that is alive and not ready."""

    def __init__(self) -> None:
        self.unfinished: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange, /) -> None:
        if exchange.path == "/healthz":
            exchange.answer(200, _ALIVE, (_JSON,))
        else:
            exchange.answer(503, _MIGRATING, (_JSON, (b"retry-after", b"5")))
