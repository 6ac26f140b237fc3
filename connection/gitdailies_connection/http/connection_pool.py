"""Connections for requests that refuse metadata services and end at a deadline.

The address is checked after the name is resolved and before a byte is sent. So no name, no other
form of a number and no manipulated resolver can lead to a forbidden address.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from gitdailies_connection.addresses import forbidden_reason

_LONGEST_TICK_SECONDS = 0.5
_IDLE_TICKS = 20


class ForbiddenAddress(OSError):
    """The address that a name resolves to must not be contacted."""


@dataclass(eq=False)
class Exchange:
    """One request and its answer.

    `ends_at` is its deadline (seconds, monotonic clock). `lock` is held while it is ended or changes its
    connection. `timed_out` says that it reached the deadline.
    """

    ends_at: float
    lock: threading.Lock
    connection: "GuardedConnection | None" = None
    timed_out: bool = False

    def use(self, connection: "GuardedConnection") -> None:
        """Use *connection* from now on; an earlier exchange can no longer end it."""
        with self.lock:
            if connection.exchange is not None:
                connection.exchange.connection = None
            connection.exchange, self.connection = self, connection


# The exchange of this thread. urllib3 has no way to pass it to the connection.
_CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class GuardedConnection(HTTPConnection):
    """A connection that knows its exchange and refuses forbidden addresses."""

    exchange: Exchange | None = None

    def connect(self) -> None:
        self._join_exchange()
        super().connect()

    def request(self, *arguments: Any, **named: Any) -> None:
        self._join_exchange()
        super().request(*arguments, **named)

    def _new_conn(self) -> socket.socket:
        # This method is private to urllib3. No public one runs between connecting and the first byte:
        # `connect` also asks a proxy for a tunnel and starts TLS. So pyproject.toml has an upper bound.
        sock = super()._new_conn()
        what = forbidden_reason(str(sock.getpeername()[0]))
        if what:
            sock.close()
            raise ForbiddenAddress(what)
        return sock

    def _join_exchange(self) -> None:
        exchange = _CURRENT.get()
        if exchange is not None:
            exchange.use(self)


class GuardedTlsConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = GuardedConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = GuardedTlsConnection


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
    """Bounds the time of each exchange, even if the receiver sends a byte now and then.

    The timeout of a socket starts again with every byte. So one thread watches all exchanges and shuts
    the socket of each one past its deadline. The thread ends when there is nothing to watch.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._tick = min(_LONGEST_TICK_SECONDS, seconds / 10)
        self._lock = threading.Lock()
        self._exchanges: set[Exchange] = set()
        self._watching = False

    @contextmanager
    def exchange(self) -> Iterator[Exchange]:
        """Bound the time of everything that this thread sends and reads inside the block."""
        exchange = Exchange(time.monotonic() + self._seconds, self._lock)
        with self._lock:
            self._exchanges.add(exchange)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="gitdailies-deadlines", daemon=True).start()
        before = _CURRENT.set(exchange)
        try:
            yield exchange
        finally:
            _CURRENT.reset(before)
            with self._lock:
                self._exchanges.discard(exchange)

    def cut(self) -> None:
        """End every exchange in progress, as if it had timed out."""
        with self._lock:
            for exchange in self._exchanges:
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
                for exchange in self._exchanges:
                    if exchange.ends_at <= now and exchange.connection is not None:
                        exchange.timed_out = True
                        _shut(exchange.connection)


def _shut(connection: GuardedConnection) -> None:
    # For TLS inside the TLS of a proxy, urllib3 wraps the socket in a transport of its own.
    sock = getattr(connection.sock, "socket", connection.sock)
    if sock is not None:
        with suppress(OSError):
            # The method of SSLSocket would drop the TLS state that the reading thread still uses.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _guard(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
