"""Sockets and the HTTP server on them, inside an event loop that somebody else runs and stops."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import uvicorn
from gitdailies_connection.addresses import Listen
from gitdailies_core.errors import ConfigurationError

from gitdailies_server.http.bounded_protocol import BoundedProtocol
from gitdailies_server.http.connection_limits import ConnectionLimits
from gitdailies_server.http.file_limits import connections_that_fit
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.storage.database import reason

# Supervisors wait 10 s before they kill; what is then on its way still has to be committed.
STOP_SECONDS = 5
CONNECTIONS = 512
_BACKLOG = 2048


def bind(address: Listen, remedy: str) -> socket.socket:
    """Listen on *address*; port 0 takes a free one, which `address_of` tells.

    Raises ConfigurationError where it cannot be had, with *remedy* as what to change.
    """
    try:
        family, kind, protocol, _, name = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_had(address, remedy, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(name)
        # Now, so that whoever is told the address is not refused before the server has come so far.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _not_had(address, remedy, error) from None
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> Listen:
    """Return the address that a socket really has."""
    host, port = listener.getsockname()[:2]
    return Listen(host, port)


class Server(uvicorn.Server):
    """Serve *app*; whoever started it sets `should_exit`, and has the signals.

    *connections* bounds how many are open at once; those that are turned away are told to *repeats*.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        on_started: Callable[[], None] = lambda: None,
        *,
        connections: int = CONNECTIONS,
        repeats: RateLimitedLog | None = None,
    ) -> None:
        told = repeats or RateLimitedLog()
        # uvicorn calls what it takes for a class.
        protocol: Any = partial(
            BoundedProtocol,
            connections=ConnectionLimits(connections_that_fit(2 * connections) // 2),
            refused=lambda client, reason: told.warn("request refused", client=client, reason=reason),
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
                # Whom to believe about a sender's address is the configuration's, not every proxy's.
                proxy_headers=False,
                timeout_graceful_shutdown=STOP_SECONDS,
                # Longer than proxies keep theirs (nginx 60 s), so that the side that closes is theirs.
                timeout_keep_alive=75,
                backlog=_BACKLOG,
            )
        )
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _not_had(address: Listen, remedy: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{address}: expected a free address to listen on, got {reason(error)}; change {remedy}"
    )
