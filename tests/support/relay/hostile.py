"""Hostile deliveries as raw bytes, made from a seed, and a sender that pipelines them on many connections."""

import json
import random
import re
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.relay.deliveries import SECRETS, TOKEN_HEADER, Delivery, example, signed, tokened
from tests.support.relay.sockets import head

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
_BATCH = 12
# Refused for their size, or not answered at all for a while: others go on meanwhile.
_PATIENCE_SECONDS = 30.0

EXAMPLES = (
    ("pagerduty", "incident.triggered"),
    ("pagerduty", "incident.resolved.merged"),
    ("datadog", "monitor-triggered"),
    ("squadcast", "v2.incident.triggered"),
)


@dataclass(frozen=True)
class Hostile:
    """Bytes to send; `answers` they get; `last`: the connection ends with them."""

    raw: bytes
    answers: int = 1
    last: bool = False


def whole(delivery: Delivery, **more: str) -> Hostile:
    headers = {**delivery.headers, "Content-Length": str(len(delivery.body)), **more}
    return Hostile(head(f"/hooks/{delivery.source}", headers) + delivery.body)


def proven(source: str, body: bytes) -> Delivery:
    return signed(body) if source == "pagerduty" else tokened(source, body)


def mutated(chance: random.Random) -> tuple[str, bytes]:
    """A sample with bytes flipped, cut out, doubled, or a value replaced."""
    source, name = chance.choice(EXAMPLES)
    body = bytearray(example(source, name))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randint(1, 40)]
            case 2:
                body[at:at] = body[at : at + 40]
            case _:
                body[at:at] = chance.choice((b"null", b"[]", b"\\ud800", b"\x00", b'"', b"1e999", b"\xff"))
        body = body or bytearray(b"{")
    return source, bytes(body)


def mutated_and_proven(chance: random.Random) -> Hostile:
    return whole(proven(*mutated(chance)))


def mutated_and_unproven(chance: random.Random) -> Hostile:
    source, body = mutated(chance)
    wrong = chance.choice((SECRETS["datadog-token"][:-1], "v1=", "v1=" + "0" * 64, "\xe9", ""))
    headers = {"x-pagerduty-signature": wrong, TOKEN_HEADER: wrong + "x"}
    return whole(Delivery(source, body, headers))


def a_secret_out_of_place(chance: random.Random) -> Hostile:
    secret = chance.choice(list(SECRETS.values()))
    place = f"pagerduty?token={secret}"
    return whole(Delivery(place, secret.encode(), {"X-Forwarded-For": secret, "User-Agent": secret}))


def deep(chance: random.Random) -> Hostile:
    levels = chance.choice((99, 101, 1000, 20_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return whole(proven("pagerduty", opening * levels + b"1" + closing * chance.choice((levels, 0))))


def a_huge_number(chance: random.Random) -> Hostile:
    source, name = chance.choice(EXAMPLES)
    number = chance.choice(
        (b"1e999", b"9" * 5000, b"-" + b"1" * 400, b"0." + b"1" * 5000, b"1e-99999", b"NaN")
    )
    return whole(proven(source, re.sub(rb'": "[^"]*"', b'": ' + number, example(source, name), count=3)))


def a_wrong_length(chance: random.Random) -> Hostile:
    delivery = proven(*mutated(chance))
    length = len(delivery.body) - chance.randint(1, 20)
    headers = {**delivery.headers, "Content-Length": str(max(length, 0))}
    # The surplus bytes are read as the next request, which is no valid one.
    return Hostile(head(f"/hooks/{delivery.source}", headers) + delivery.body, last=True)


def cut(chance: random.Random) -> Hostile:
    raw = whole(proven(*mutated(chance))).raw
    return Hostile(raw[: chance.randrange(len(raw))], answers=0, last=True)


def announced_as_too_large(chance: random.Random) -> Hostile:
    length = {"Content-Length": str(chance.choice((1048577, 10**9, 2**63)))}
    return Hostile(head("/hooks/datadog", length), last=True)


def garbage(chance: random.Random) -> Hostile:
    # A control character first: no method begins with one, so that it is never the start of a request.
    return Hostile(b"\x16" + chance.randbytes(chance.randint(1, 300)), last=True)


_TRICKS = (
    {"Transfer-Encoding": "chunked", "Content-Length": "2"},
    {"Transfer-Encoding": "gzip, chunked"},
    {"Content-Length": "2, 3"},
    {"Content-Length": "-1"},
    {"Content-Length": "99999999999999999999"},
    {"Content-Encoding": "gzip", "Content-Length": "1000000"},
    {f"x-{number}": "y" for number in range(150)},
    {"x": "y" * 70_000},
    {"x\x00y": "z"},
    {"x": "a\rb"},
    {"Connection": "Upgrade", "Upgrade": "h2c"},
)


def tricky_headers(chance: random.Random) -> Hostile:
    return Hostile(head("/hooks/pagerduty", chance.choice(_TRICKS)), last=True)


def a_strange_place(chance: random.Random) -> Hostile:
    path = chance.choice(("/", "/hooks/", "/hooks/%00", "/hooks/../readyz", "/hooks/x" * 500, "//", "/%ff"))
    return Hostile(
        head(path, {"Content-Length": "0"}, method=chance.choice(("GET", "POST", "PURGE"))), last=True
    )


KINDS: dict[Callable[[random.Random], Hostile], int] = {
    mutated_and_proven: 30,
    mutated_and_unproven: 30,
    a_secret_out_of_place: 10,
    deep: 4,
    a_huge_number: 8,
    a_wrong_length: 4,
    cut: 4,
    announced_as_too_large: 2,
    garbage: 4,
    tricky_headers: 2,
    a_strange_place: 2,
}


def deliveries(seed: int, count: int) -> Iterator[Hostile]:
    """Yield *count* of them, the same for the same seed."""
    chance = random.Random(seed)
    kinds, weights = list(KINDS), list(KINDS.values())
    for kind in chance.choices(kinds, weights, k=count):
        yield kind(chance)


@dataclass
class Found:
    """The result: how many requests were sent, and how often each status was answered.

    `unanswered` may be what is no request, behind others: those are answered, and the connection
    ends. `lost` is what should have been answered.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    lost: int = 0


@dataclass
class _Line:
    """One connection, and the batch that is on its way."""

    socket: socket.socket
    expected: int
    ends: bool
    since: float
    tail: bytes = b""


class Sender:
    """Sends deliveries in batches, each pipelined on a connection; ends connections without ceremony."""

    def __init__(self, address: tuple[str, int], ahead: Iterator[Hostile], connections: int = 24) -> None:
        self._address, self._ahead, self._count = address, ahead, connections
        self._selector = selectors.DefaultSelector()
        self.found = Found()

    def run(self) -> Found:
        for _ in range(self._count):
            self._begin(None)
        while self._selector.get_map():
            for key, _ in self._selector.select(5):
                self._hear(key.data)
            for key in list(self._selector.get_map().values()):
                assert time.monotonic() - key.data.since < _PATIENCE_SECONDS, "expected answers, got none"
        return self.found

    def _begin(self, opened: socket.socket | None) -> None:
        batch: list[Hostile] = []
        for one in self._ahead:
            batch.append(one)
            if one.last or len(batch) == _BATCH:
                break
        if not batch:
            if opened is not None:
                opened.close()
            return
        connection = opened or socket.create_connection(self._address, timeout=_PATIENCE_SECONDS)
        # A reset, so that no port of ours waits.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line = _Line(connection, sum(one.answers for one in batch), batch[-1].last, time.monotonic())
        self.found.sent += len(batch)
        try:
            connection.sendall(b"".join(one.raw for one in batch))
        except ConnectionError:
            # Answers that had come are gone with the reset.
            self._end(line)
            return
        self._selector.register(connection, selectors.EVENT_READ, line)
        if not line.expected:
            self._end(line)

    def _hear(self, line: _Line) -> None:
        try:
            data = line.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        text = line.tail + data
        statuses = _STATUS.findall(text)
        # A status line may come in two parts, but never twice.
        line.tail = text[-12:] if not _STATUS.search(text[-13:]) else b""
        self.found.statuses.update(int(status) for status in statuses)
        line.expected -= len(statuses)
        if line.expected <= 0 or not data:
            self._end(line, closed=not data)

    def _end(self, line: _Line, *, closed: bool = False) -> None:
        self.found.unanswered += max(line.expected, 0)
        self.found.lost += max(line.expected - int(line.ends), 0)
        if line.socket.fileno() in self._selector.get_map():
            self._selector.unregister(line.socket)
        if closed or line.ends or line.expected > 0:
            line.socket.close()
            self._begin(None)
        else:
            self._begin(line.socket)


def resident_bytes(process: int) -> int:
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * 4096


def lines_of(log: bytes) -> Iterator[dict[str, object]]:
    for line in log.splitlines():
        if line.startswith(b"{"):
            yield json.loads(line)
