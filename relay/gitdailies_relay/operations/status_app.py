"""The second listener: health, metrics and status, for this machine only unless told otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from gitdailies_core.errors import StoreUnavailable

from gitdailies_relay.intake.app import App
from gitdailies_relay.operations import reports
from gitdailies_relay.operations.metrics import Numbers
from gitdailies_relay.store.store import Store

_JSON = b"application/json"
_EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


class StatusApp:
    """An ASGI application; *standing* tells what the process knows beside the store."""

    def __init__(
        self, app: App, store: Store, numbers: Numbers, standing: Callable[[], dict[str, Any]]
    ) -> None:
        self._app = app
        self._store = store
        self._numbers = numbers
        self._standing = standing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, status, body, kind = scope["path"], 200, b"", _JSON
        if path in ("/healthz", "/readyz"):
            await self._app(scope, receive, send)
            return
        if path == "/metrics":
            # In a thread, since it reads the store.
            body, kind = await asyncio.to_thread(self._numbers.text), _EXPOSITION
        elif path == "/status":
            status, body = await self._status()
        else:
            status, body = 404, b'{"status": "not found"}'
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _status(self) -> tuple[int, bytes]:
        server = self._standing()
        try:
            told = await asyncio.to_thread(
                self._store.report, partial(reports.standing, self._store.database)
            )
        except StoreUnavailable as error:
            unavailable = {"status": "unavailable", "reason": str(error), "server": server}
            return 503, json.dumps(unavailable).encode()
        return 200, json.dumps({**told, "server": server}).encode()
