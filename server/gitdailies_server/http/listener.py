"""Listening sockets, and an HTTP server on them that runs in the caller's event loop."""

import asyncio
import resource
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import structlog
from gitdailies_connection.addresses import Listen
from gitdailies_core.errors import ConfigurationError

from gitdailies_server.http.connection import Connection
from gitdailies_server.http.connection_limits import ConnectionLimits
from gitdailies_server.http.exchange import Application, ErrorBody, Exchange, error_in_json
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.storage.database import reason

LOG = structlog.get_logger("gitdailies.server")
Opened = TypeVar("Opened")

# Supervisors wait 10 s before they kill the process; requests in progress are committed after this time.
STOP_SECONDS = 5
CONNECTIONS = 512
_BACKLOG = 2048
# Open files for the store, the sender and the log, and for connections accepted before another is closed.
_RESERVE = 256
# How often the end of a server looks whether all answers are written.
_LOOK_SECONDS = 0.05
_JSON = (b"content-type", b"application/json")
_ALIVE = b'{"status": "alive"}'
_MIGRATING = b'{"status": "unavailable", "reason": "migrating: the store is being opened"}'


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


def connections_that_fit(connections: int) -> int:
    """Raise the limit of open files to what is needed and allowed; return how many connections fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _RESERVE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # In a container the kernel may allow less than it reports.
        with suppress(OSError, ValueError):
            allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - _RESERVE, soft // 2))


class UntilOpen:
    """An application that is alive and not ready: a migration may take long before the store is open."""

    def __init__(self) -> None:
        self.unfinished: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange, /) -> None:
        if exchange.path == "/healthz":
            exchange.answer(200, _ALIVE, (_JSON,))
        else:
            exchange.answer(503, _MIGRATING, (_JSON, (b"retry-after", b"5")))


class Server:
    """Serves until `stop` is called: *application*, without one what `open` names, and first `UntilOpen`.

    *connections* is the maximum of open connections; refused ones are logged to *limited_log*.
    *error_body* makes the body of an answer to what the application never sees, such as bytes that are no
    request. *on_refused* is called with the status of each such answer, the client address and the reason.
    """

    def __init__(
        self,
        application: Application | None = None,
        *,
        connections: int = CONNECTIONS,
        limited_log: RateLimitedLog | None = None,
        error_body: Callable[[HTTPStatus, str], ErrorBody] = error_in_json,
        on_refused: Callable[[HTTPStatus, str, str], None] = lambda *_: None,
    ) -> None:
        refusals = limited_log or RateLimitedLog()

        def refused(status: HTTPStatus, client: str, reason: str) -> None:
            refusals.warn("request refused", client=client, reason=reason)
            on_refused(status, client, reason)

        self._application: Application = application or UntilOpen()
        self._connections = ConnectionLimits(connections_that_fit(2 * connections) // 2)
        self._connect = partial(Connection, self._answer, self._connections, refused, error_body)
        self._stopping = asyncio.Event()

    def open(self, application: Application) -> None:
        """Serve *application* from now on."""
        self._application = application

    def _answer(self, exchange: Exchange) -> None:
        self._application(exchange)

    async def serve(self, listener: socket.socket) -> None:
        """Serve on a bound socket. It is closed when this ends, at most `STOP_SECONDS` after `stop`."""
        loop = asyncio.get_running_loop()
        accepting = await loop.create_server(self._connect, sock=listener, backlog=_BACKLOG)
        try:
            await self._stopping.wait()
        finally:
            accepting.close()
        for connection in self._connections.open:
            connection.stop()
        try:
            await asyncio.wait_for(self._end(), STOP_SECONDS)
        except TimeoutError:
            unfinished = self._application.unfinished
            LOG.warning("requests not finished", connections=len(self._connections), requests=len(unfinished))
            for task in unfinished:
                task.cancel()
            for connection in self._connections.open:
                connection.abort()

    def stop(self) -> None:
        """Begin to stop, from the event loop: requests in progress get `STOP_SECONDS` to end."""
        self._stopping.set()

    async def _end(self) -> None:
        while len(self._connections) or self._application.unfinished:  # noqa: ASYNC110  once, for a moment
            await asyncio.sleep(_LOOK_SECONDS)


async def serve_while_opening(
    servers: Sequence[Server], listeners: Sequence[socket.socket], open_store: Callable[[], Opened]
) -> tuple[list[asyncio.Task[None]], Opened]:
    """Serve on sockets while *open_store* runs in a thread, which may take long.

    Return the tasks that serve, and what it returned. Where it fails, raise its error once they ended.
    """
    both = zip(servers, listeners, strict=True)
    serving = [asyncio.create_task(server.serve(listener)) for server, listener in both]
    try:
        return serving, await asyncio.to_thread(open_store)
    except BaseException:
        await stop_serving(servers, serving)
        raise


async def stop_serving(servers: Sequence[Server], serving: Sequence[asyncio.Task[None]]) -> None:
    """Stop *servers*, and wait until the tasks that serve have ended."""
    for server in servers:
        server.stop()
    await asyncio.gather(*serving, return_exceptions=True)


def _unavailable(address: Listen, remedy: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{address}: cannot listen there: {reason(error)}; change {remedy}")
