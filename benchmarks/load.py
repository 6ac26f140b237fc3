"""A closed-loop load generator: so many keep-alive connections, each with one request in flight.

It reads no more of an answer than it must, so that a slow generator is not taken for a slow
server: one process does over 50,000 requests a second.
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
    """What came of it: the incidents answered 202, and of the measured part the times."""

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
        """Take an answer, if the server is still there."""
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


def run(
    addresses: Sequence[tuple[str, int]],
    requests: Sequence[Request],
    *,
    connections: int,
    warm_up_seconds: float,
    seconds: float,
    at_start: Callable[[], None],
    at_end: Callable[[], None],
) -> Load:
    """Send until time or requests are over; *at_start* and *at_end* enclose what is measured.

    *at_end* is called with requests in flight, and may end the server: what it had answered by
    then counts as answered.
    """
    load = Load()
    ahead = iter(requests)
    by_file = _open(addresses, connections, ahead)
    poll = select.epoll()
    for number in by_file:
        poll.register(number, select.EPOLLIN)
    _drive(poll, by_file, ahead, load, time.perf_counter() + warm_up_seconds, measure=False)
    at_start()
    began_at = time.perf_counter()
    _drive(poll, by_file, ahead, load, began_at + seconds, measure=True)
    load.seconds = time.perf_counter() - began_at
    at_end()
    poll.close()
    for connection in by_file.values():
        connection.socket.settimeout(_PATIENCE_SECONDS)
        connection.receive(load)
        connection.socket.close()
    return load


def _open(
    addresses: Sequence[tuple[str, int]], count: int, ahead: Iterator[Request]
) -> dict[int, _Connection]:
    by_file = {}
    for request, address, _ in zip(ahead, cycle(addresses), range(count), strict=False):
        connection = _Connection(address)
        connection.send(request)
        by_file[connection.socket.fileno()] = connection
    return by_file


def _drive(
    poll: select.epoll,
    by_file: dict[int, _Connection],
    ahead: Iterator[Request],
    load: Load,
    until: float,
    *,
    measure: bool,
) -> None:
    """Answer each answer with the next request, until *until* or until there is none."""
    now = answered_at = time.perf_counter()
    while now < until:
        # Never asleep: to wake a core that idles costs the server, in a virtual machine, tens of
        # microseconds an answer, which no sender behind a network card would cost it.
        ready = poll.poll(0)
        now = time.perf_counter()
        if ready:
            answered_at = now
        elif now - answered_at > _PATIENCE_SECONDS:
            raise TimeoutError(f"the server answered nothing for {_PATIENCE_SECONDS} s")
        else:
            # Awake, but behind whoever else has work on this core, as PostgreSQL may.
            os.sched_yield()
        for number, _ in ready:
            connection = by_file[number]
            if not connection.receive(load):
                raise ConnectionError("the server closed a connection")
            now = time.perf_counter()
            if measure:
                load.milliseconds.append((now - connection.sent_at) * 1000)
            request = next(ahead, None)
            if request is None:
                return
            connection.send(request)


def _complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, _, length = head.lower().partition(b"content-length: ")
    return len(body) >= int(length.partition(b"\r\n")[0])
