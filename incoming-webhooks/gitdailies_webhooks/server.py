"""Run the receiver: a socket, a store, a web server in the event loop that is already there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from gitdailies_core.errors import ConfigurationError
from gitdailies_storage.sqlite import reason
from starlette.types import ASGIApp

from gitdailies_webhooks import logs
from gitdailies_webhooks.app import create_app
from gitdailies_webhooks.store import open_store

# With what the store still writes, within the 10 seconds after which process supervisors kill.
_STOP_SECONDS = 5
_BACKLOG = 1024


async def serve(
    *,
    listen: tuple[str, int],
    store: Path,
    strict_order: bool,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    flag: str = "--listen",
) -> None:
    """Serve the store at *store* on *listen* until *stop* is set, then end within 10 seconds.

    *ready* is called with the address, like `http://127.0.0.1:8700`, once connections are taken.
    Raises ConfigurationError where the address cannot be had, naming *flag* as what to change.
    """
    log = logs.logger()
    logs.take_over_server_log()
    with contextlib.closing(_bind(listen, flag)) as listener:
        opened = open_store(store, strict_order=strict_order)
        opened.start()

        def started() -> None:
            log.info("listening", address=address, store=str(store), strict_order=strict_order)
            ready(address)

        address = _address(listener)
        server = _Server(_config(create_app(opened, log)), started)
        stopping = asyncio.create_task(_stop(server, stop))
        try:
            await server.serve(sockets=[listener])
        finally:
            stopping.cancel()
            await opened.close()
            log.info("stopped", store=str(store))


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, since the process that embeds it has its own."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Only a proxy would set these, and nothing here decides by a sender's address.
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


def _bind(listen: tuple[str, int], flag: str) -> socket.socket:
    host, port = listen
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_had(host, port, flag, error) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening here, not in the event loop, finds out now that another one does so already.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _not_had(host, port, flag, error) from None
    listener.setblocking(False)
    return listener


def _not_had(host: str, port: int, flag: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{_written(host, port)}: expected an address to listen on, got {reason(error)}; "
        f"choose another with {flag}"
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{_written(host, port)}"


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
