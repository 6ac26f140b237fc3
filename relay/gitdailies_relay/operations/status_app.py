"""The second listener: health, metrics and status. By default only this machine can reach it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from gitdailies_core.errors import StoreUnavailable

from gitdailies_relay.intake.app import IntakeApp
from gitdailies_relay.operations import reports
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_relay.store.store import RelayStore

_JSON = b"application/json"
_EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


class StatusApp:
    """An ASGI application; *health* returns what the process knows without the store, for JSON."""

    def __init__(
        self, app: IntakeApp, store: RelayStore, metrics: RelayMetrics, health: Callable[[], dict[str, Any]]
    ) -> None:
        self._app = app
        self._store = store
        self._metrics = metrics
        self._health = health

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, status, body, kind = scope["path"], 200, b"", _JSON
        if path in ("/healthz", "/readyz"):
            await self._app(scope, receive, send)
            return
        if path == "/metrics":
            # In a thread, because it reads the store.
            body, kind = await asyncio.to_thread(self._metrics.text), _EXPOSITION
        elif path == "/status":
            status, body = await self._status()
        else:
            status, body = 404, b'{"status": "not found"}'
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _status(self) -> tuple[int, bytes]:
        server = self._health()
        read = partial(reports.status_with_size, self._store.database)
        try:
            status = await asyncio.to_thread(self._store.report, read)
        except StoreUnavailable as error:
            unavailable = {"status": "unavailable", "reason": str(error), "server": server}
            return 503, json.dumps(unavailable).encode()
        return 200, json.dumps({**status, "server": server}).encode()
