"""A TCP proxy that delays each byte by the same time, as a network between two machines does.

    python benchmarks/delaying_proxy.py HOST PORT MILLISECONDS

It prints its port on loopback once it listens.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import deque

_BYTES = 1 << 20


class DelayingProxy:
    """Passes the bytes of any number of connections to *target* and back, each *seconds* after it came."""

    def __init__(self, target: tuple[str, int], seconds: float) -> None:
        self._target = target
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._other: dict[socket.socket, socket.socket] = {}
        # What to pass on, in order: when, to where, and the bytes; none at an end.
        self._ahead: deque[tuple[float, socket.socket, bytes]] = deque()
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Pass bytes on until the process ends."""
        while True:
            wait = max(0.0, self._ahead[0][0] - time.perf_counter()) if self._ahead else None
            # Only select waits for fractions of a millisecond.
            ready, _, _ = select.select([self._listener, *self._other], [], [], wait)
            for one in ready:
                if one is self._listener:
                    self._accept()
                elif one in self._other:
                    self._read(one)
            while self._ahead and self._ahead[0][0] <= time.perf_counter():
                self._pass_on(*self._ahead.popleft()[1:])

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(self._target)
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._other[one] = other

    def _read(self, one: socket.socket) -> None:
        try:
            data = one.recv(_BYTES)
        except ConnectionError:
            data = b""
        self._ahead.append((time.perf_counter() + self._seconds, self._other[one], data))
        if not data:
            del self._other[one]

    def _pass_on(self, to: socket.socket, data: bytes) -> None:
        try:
            if data:
                to.sendall(data)
            else:
                to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # that side is gone; the next read of it says so, and the other side is closed then


def main() -> None:
    host, port, milliseconds = sys.argv[1:]
    proxy = DelayingProxy((host, int(port)), float(milliseconds) / 1000)
    print(proxy.port, flush=True)
    proxy.run()


if __name__ == "__main__":
    main()
