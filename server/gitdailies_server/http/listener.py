"""Listening sockets, and an HTTP server on them that runs in the caller's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any

import uvicorn
from gitdailies_connection.addresses import Listen
from gitdailies_core.errors import ConfigurationError

from gitdailies_server.http.bounded_protocol import BoundedProtocol, ErrorBody, error_in_json
from gitdailies_server.http.connection_limits import ConnectionLimits
from gitdailies_server.http.file_limits import connections_that_fit
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.storage.database import reason

# Supervisors wait 10 s before they kill the process; requests in progress are committed after this time.
STOP_SECONDS = 5
CONNECTIONS = 512
_BACKLOG = 2048


def bind(address: Listen, remedy: str) -> socket.socket:
    """Listen on *address*. Port 0 chooses a free one; `address_of` returns it.

    Raises ConfigurationError if the address is not available; *remedy* names the setting to change.
    """
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unavailable(address, remedy, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(name)
        # Listen now: a client that learns the address must not be refused while the server still starts.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _unavailable(address, remedy, error) from None
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> Listen:
    """Return the actual address of a socket, with the port that the system chose."""
    host, port = listener.getsockname()[:2]
    return Listen(host, port)


class Server(uvicorn.Server):
    """Serve *app*. The caller handles signals and calls `stop`.

    *connections* is the maximum of open connections; refused ones are logged to *limited_log*.
    *error_body* makes the body of an answer to what the application never sees, such as bytes that are no
    request.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        on_started: Callable[[], None] = lambda: None,
        *,
        connections: int = CONNECTIONS,
        limited_log: RateLimitedLog | None = None,
        error_body: Callable[[HTTPStatus, str], ErrorBody] = error_in_json,
    ) -> None:
        refusals = limited_log or RateLimitedLog()
        # uvicorn calls this value as if it were a class.
        protocol: Any = partial(
            BoundedProtocol,
            connections=ConnectionLimits(connections_that_fit(2 * connections) // 2),
            refused=lambda client, reason: refusals.warn("request refused", client=client, reason=reason),
            error_body=error_body,
        )
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                # The configuration names the proxies to trust; uvicorn would trust any.
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_SECONDS,
                # Longer than proxies keep connections (nginx 60 s), so that the proxy closes them, not we.
                timeout_keep_alive=75,
                backlog=_BACKLOG,
            )
        )
        self._on_started = on_started
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Begin to stop, from the event loop: requests in progress get `STOP_SECONDS` to end."""
        self.should_exit = True
        self._stopping.set()

    async def main_loop(self) -> None:
        # uvicorn's own looks ten times a second whether to stop, which wakes a processor that is at rest.
        await self.on_tick(0)
        await self._stopping.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _unavailable(address: Listen, remedy: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{address}: cannot listen there: {reason(error)}; change {remedy}")
