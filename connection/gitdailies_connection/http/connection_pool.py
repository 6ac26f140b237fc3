"""Connections of requests that stay away from metadata services and end when their time is over.

An address is checked after the name was resolved and before a byte is sent, so that no name,
number form or redirecting resolver leads there.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from gitdailies_connection.addresses import forbidden

_LONGEST_TICK_SECONDS = 0.5
_IDLE_TICKS = 20


class ForbiddenAddress(OSError):
    """A name that leads to an address to which nothing is sent."""


@dataclass
class Exchange:
    """One request and its answer: when it must be over, its socket, whether it was cut."""

    ends_at: float
    sock: socket.socket | None = None
    cut: bool = False


class _Guarded(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _GuardedTls(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class GuardedAdapter(HTTPAdapter):
    """The adapter of requests over guarded connections; it never retries by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _guard(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _guard(manager)
        return manager


class Deadlines:
    """Bounds each exchange in all: a receiver that sends a byte now and then would hold it for ever.

    The timeouts of a socket count from byte to byte, so one thread looks after all exchanges
    and shuts the socket of one that is over. It ends by itself when there is nothing to do.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tick = min(_LONGEST_TICK_SECONDS, seconds / 10)
        self._lock = threading.Lock()
        self._exchanges: dict[int, Exchange] = {}
        self._watching = False

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Bound what this thread sends and reads inside the block."""
        exchange = Exchange(time.monotonic() + self._seconds)
        with self._lock:
            self._exchanges[id(exchange)] = exchange
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="gitdailies-deadlines", daemon=True).start()
        try:
            yield exchange
        finally:
            with self._lock:
                del self._exchanges[id(exchange)]

    def cut(self) -> None:
        """End every exchange that is on its way, as if its time were over."""
        with self._lock:
            for exchange in self._exchanges.values():
                exchange.ends_at = 0.0

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(self._tick)
            with self._lock:
                idle = 0 if self._exchanges else idle + 1
                if idle > _IDLE_TICKS:
                    self._watching = False
                    return
                now = time.monotonic()
                for exchange in self._exchanges.values():
                    sock = exchange.sock
                    if exchange.ends_at <= now and sock is not None:
                        exchange.cut = True
                        with suppress(OSError):
                            # Not the method of an SSLSocket, which would take the TLS state away
                            # from the thread that reads.
                            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _guard(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _checked(sock: socket.socket) -> socket.socket:
    what = forbidden(str(sock.getpeername()[0]))
    if what:
        sock.close()
        raise ForbiddenAddress(what)
    return sock
