"""Behind reverse proxies that are trusted, whoever spoke to them is who asks."""

from __future__ import annotations

from collections.abc import Sequence

from gitdailies_connection.addresses import Network
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address
from starlette.types import ASGIApp, Receive, Scope, Send


class Forwarding:
    """An ASGI middleware that puts the address of who asks in the place of that of the proxy."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("client"):
            named = FORWARDED_HEADER.encode()
            chain = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == named)
            peer, port = scope["client"]
            scope = {**scope, "client": (client_address(peer, chain, self._trusted) or peer, port)}
        await self._app(scope, receive, send)
