"""The second listener: health, metrics, status, an API with a key. By default for this machine alone.

All but health is for requests to a name of ours, because a web page must not read it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from gitdailies_core.errors import StoreUnavailable
from gitdailies_server.http.allowed_hosts import AllowedHosts
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.intake.app import PROBES, IntakeApp
from gitdailies_relay.operations import attention, reports
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_relay.store.store import RelayStore

_JSON = b"application/json"
_MISDIRECTED = json.dumps(
    {
        "status": "misdirected",
        "reason": "Host: expected the address of relay.status, localhost or a name of relay.status_hosts",
    }
).encode()
_EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"


class KeyedApi(Protocol):
    """What answers requests with a key: a status, content for JSON, and headers."""

    def has(self, path: str, /) -> bool:
        """Whether a path is one of its own."""

    def __call__(
        self, scope: Any, receive: Any, /
    ) -> Awaitable[tuple[int, Mapping[str, Any], tuple[tuple[bytes, bytes], ...]]]:
        """Answer a request."""


class StatusApp:
    """An ASGI application; *health* returns what the process knows without the store, for JSON.

    *api* answers the paths that are its own.
    """

    def __init__(
        self,
        app: IntakeApp,
        store: RelayStore,
        metrics: RelayMetrics,
        health: Callable[[], dict[str, Any]],
        hosts: AllowedHosts,
        api: KeyedApi,
    ) -> None:
        self._app = app
        self._store = store
        self._metrics = metrics
        self._health = health
        self._hosts = hosts
        self._api = api

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path, status, body, kind = scope["path"], 200, b"", _JSON
        more: tuple[tuple[bytes, bytes], ...] = ()
        if path in PROBES:
            status, body, (_, *others) = await self._app.probe(path)
            more = tuple(others)
        elif not all(self._hosts.allows(value) for value in _hosts_of(scope)):
            status, body = 421, _MISDIRECTED
        elif path == "/metrics":
            # In a thread, because it reads the store.
            body, kind = await asyncio.to_thread(self._metrics.text), _EXPOSITION
        elif path == "/status":
            status, body = await self._status()
        elif self._api.has(path):
            status, content, more = await self._api(scope, receive)
            body = json.dumps(content).encode()
            more = (*more, (b"cache-control", b"no-store"))
        else:
            status, body = 404, b'{"status": "not found"}'
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _status(self) -> tuple[int, bytes]:
        server = self._health()
        read = partial(reports.status_with_size, self._store.database, self._app.settings.sources)
        try:
            status = await asyncio.to_thread(self._store.report, read)
        except StoreUnavailable as error:
            unavailable = {"status": "unavailable", "reason": str(error), "server": server}
            return 503, json.dumps(unavailable).encode()
        shown = attention.with_alerts(status, server, from_us(now_us()))
        return 200, json.dumps(shown).encode()


def _hosts_of(scope: Any) -> list[str]:
    """Return the Host headers. A request of HTTP/1.0 may have none, and browsers always send one."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
