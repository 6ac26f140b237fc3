"""A closed-loop load generator: keep-alive connections with one request in flight each.

It reads only the necessary part of an answer, so that a slow generator does not look like a slow server:
one process sends over 50,000 requests a second.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from deliveries import Request

_ANSWER_BYTES = 65536
_PATIENCE_SECONDS = 10


@dataclass
class Load:
    """The result: the incidents answered with 202, and the times of the measured part."""

    answered: list[str] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    seconds: float = 0.0


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incident = ""
        self.sent_at = 0.0

    def send(self, request: Request) -> None:
        self.incident = request.incident
        self.sent_at = time.perf_counter()
        self.socket.sendall(request.data)

    def receive(self, load: Load) -> bool:
        """Receive an answer, if the server still runs."""
        try:
            answer = part = self.socket.recv(_ANSWER_BYTES)
            while part and not _complete(answer):
                part = self.socket.recv(_ANSWER_BYTES)
                answer += part
        except ConnectionError:
            return False
        if answer.startswith(b"HTTP/1.1 202"):
            load.answered.append(self.incident)
        elif answer:
            load.refused.append(answer)
        return bool(answer)


class Sending:
    """Open connections with one request in flight each, even while no answers are read."""

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        requests: Sequence[Request],
        connections: int,
        *,
        may_sleep: bool = False,
    ) -> None:
        self._may_sleep = may_sleep
        self._ahead: Iterator[Request] = iter(requests)
        self._by_file: dict[int, _Connection] = {}
        self._poll = select.epoll()
        for request, address, _ in zip(self._ahead, cycle(addresses), range(connections), strict=False):
            connection = _Connection(address)
            connection.send(request)
            self._by_file[connection.socket.fileno()] = connection
            self._poll.register(connection.socket.fileno(), select.EPOLLIN)

    def go_on(self, load: Load, seconds: float, *, measure: bool = True) -> bool:
        """Send the next request after each answer, for *seconds*; False if no requests are left."""
        now = answered_at = time.perf_counter()
        until = now + seconds
        while now < until:
            # Never sleep, unless that is asked for: in a virtual machine, waking an idle core costs the
            # server tens of microseconds for each answer. A sender on another machine would not cost it that.
            ready = self._poll.poll(0.1 if self._may_sleep else 0)
            now = time.perf_counter()
            if ready:
                answered_at = now
            elif now - answered_at > _PATIENCE_SECONDS:
                raise TimeoutError(f"the server answered nothing for {_PATIENCE_SECONDS} s")
            elif not self._may_sleep:
                # Awake, but after other processes on this core, such as PostgreSQL.
                os.sched_yield()
            for number, _ in ready:
                connection = self._by_file[number]
                if not connection.receive(load):
                    raise ConnectionError("the server closed a connection")
                now = time.perf_counter()
                if measure:
                    load.milliseconds.append((now - connection.sent_at) * 1000)
                request = next(self._ahead, None)
                if request is None:
                    return False
                connection.send(request)
        return True

    def end(self, load: Load) -> None:
        """Receive the remaining answers, and close."""
        self._poll.close()
        for connection in self._by_file.values():
            connection.socket.settimeout(_PATIENCE_SECONDS)
            connection.receive(load)
            connection.socket.close()


def run(
    addresses: Sequence[tuple[str, int]],
    requests: Sequence[Request],
    *,
    connections: int,
    warm_up_seconds: float,
    seconds: float,
    at_start: Callable[[], None],
    at_end: Callable[[], None],
    may_sleep: bool = False,
) -> Load:
    """Send until the time is over or no requests are left; *at_start* and *at_end* enclose the measured part.

    *at_end* is called with requests in flight and may kill the server. Answers that were sent before
    that count. A generator that *may_sleep* leaves its core to the servers while all of them wait.
    """
    load = Load()
    sending = Sending(addresses, requests, connections, may_sleep=may_sleep)
    sending.go_on(load, warm_up_seconds, measure=False)
    at_start()
    began_at = time.perf_counter()
    sending.go_on(load, seconds)
    load.seconds = time.perf_counter() - began_at
    at_end()
    sending.end(load)
    return load


def _complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, _, length = head.lower().partition(b"content-length: ")
    return len(body) >= int(length.partition(b"\r\n")[0])
