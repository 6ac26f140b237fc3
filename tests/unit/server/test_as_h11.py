"""Our server reads requests as h11 does, which follows RFC 9112 and shares no code with our parser."""

import asyncio
import random
import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from unittest.mock import Mock

import h11
import pytest
from gitdailies_server.http.connection import Connection
from gitdailies_server.http.connection_limits import ConnectionLimits
from gitdailies_server.http.exchange import Exchange, error_in_json

from tests.support.http_cases import cases


class Read(NamedTuple):
    """Method, fields and body of each whole request; and the status that refused the rest, 0 for none."""

    requests: list[tuple[bytes, list[tuple[bytes, bytes]], bytes]]
    refused: int


def comparable(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return fields as both give them. We drop an offer of another protocol, h11 the case of a coding."""
    small = ((name.lower(), value) for name, value in fields if name.lower() != b"upgrade")
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in small]


def by_h11(raw: bytes) -> Read:
    connection, read = h11.Connection(h11.SERVER), Read([], 0)
    connection.receive_data(raw)
    body = b""
    try:
        while True:
            event: Any = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                read.requests.append((head.method, comparable(head.headers), body))
                connection.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            else:
                return read
    except h11.RemoteProtocolError:
        return Read(read.requests, 400)
    except h11.LocalProtocolError:  # the last request of this connection
        return read


class Taking:
    """An application that notes each whole request and answers it."""

    def __init__(self) -> None:
        self.unfinished: set[asyncio.Task[None]] = set()
        self.requests: list[tuple[bytes, list[tuple[bytes, bytes]], bytes]] = []

    def __call__(self, exchange: Exchange, /) -> None:
        body = bytearray()

        def go_on() -> None:
            body.extend(exchange.take())
            if exchange.is_complete:
                self.requests.append((exchange.method.encode(), comparable(exchange.fields), bytes(body)))
                exchange.answer(404, b"", ())

        exchange.watch(go_on)
        go_on()


def by_us(pieces: Iterable[bytes]) -> Read:
    app, refused, ended = Taking(), [0], []
    limits = ConnectionLimits(10)
    connection = Connection(app, limits, lambda status, *_: refused.append(int(status)), error_in_json)
    transport = Mock()
    transport.get_extra_info.return_value = ("192.0.2.1", 1)
    transport.is_closing.side_effect = lambda: bool(ended)
    transport.close.side_effect = transport.abort.side_effect = lambda: ended.append(True)
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
    connection.connection_lost(None)
    return Read(app.requests, refused[-1])


def pieces_of(raw: bytes, seed: str) -> list[bytes]:
    draw = random.Random(seed)
    cuts = sorted(draw.sample(range(len(raw) + 1), min(draw.randint(1, 6), len(raw))))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


# What we refuse and h11 takes: a pattern of names, and why.
STRICTER = {
    r"in a method|^b'(get|Get|FOO|X{40}|PRI|DESCRIBE|CONNECT)|CONNECT a:1": "unknown methods, tunnels",
    r"^b'[A-Z-]+' b'(http://|a|\?a|127\.0\.0\.1:80)'": "a target is an address, a path or *",
    r"byte .. in a value": "control characters can mislead what reads a log",
    r"byte (09|0a|20) before a name|^b'.*' b'( |X:|\S+:.r)|field b' |X: 1\\r\\n 2": "folded lines",
    r"^version|no request b'PRI": "no other version than 1.0 and 1.1",
    r"^lengths|length b'3, ?3'": "one length, told once (9112, 6.3)",
    r"length b'1844|chunks b'10000000000000003": "no length beyond 64 bits",
    r"(?i)chunked ?' and b'|and b'.{0,2}chunk|Content-Length: 3.*chunked": "length and coding together",
    r"byte 09 after a (length|coding)": "blanks alone end the two fields that frame a body",
    r"byte (09|20|3b) after a chunk|chunks b'3(;| |.t)": "only an extension follows a chunk size",
    r"chunks .*(Content-Length|Transfer-Encoding)": "no trailer frames a body",
    r"^b'Host: ": "a host is a name or an address, with a port at most (9112, 3.2)",
    r"(?<!\\r)\\n|\\rabc|byte 0a after a length": "a line ends with CR and LF (9112, 2.2)",
    r"length b'0'$|Content_Length": "bytes that begin no request are refused at once",
    r"' \d{3,}$|40 requests": "limits of fields, bytes and pipelined requests",
}
# What we take and h11 refuses.
LAXER = {
    r"^after b'|\\r\\n\\r\\n\\r\\n' and a request": "empty lines before a request (9112, 2.2)",
    r"version b' HTTP/1.1'": "a second blank before the version",
    r"chunks b'0{24}3": "zeros before a chunk size",
}


def difference(name: str, raw: bytes) -> str:
    """Return the pattern of an intended difference, the case for another, "" where there is none."""
    ours, theirs = by_us([raw]), by_h11(raw)
    if (ours.requests, ours.refused > 0) == (theirs.requests, theirs.refused > 0):
        return ""
    if ours.refused and ours.requests == theirs.requests[: len(ours.requests)]:
        table = STRICTER
    elif theirs.refused and theirs.requests == ours.requests[: len(theirs.requests)]:
        table = LAXER
    else:
        table = {}
    for pattern in table:
        if re.search(pattern, name):
            return pattern
    return f"{name}: expected the reading of h11 {theirs}, got {ours}"


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
async def test_requests_are_read_as_h11_reads_them(step: int) -> None:
    """Both take the same requests with the same fields and bodies, except where a table says why not."""
    found = {difference(name, raw) for name, raw in [*cases()][::step]} - {""}
    assert found - {*STRICTER, *LAXER} == set()
    assert step > 1 or found == {*STRICTER, *LAXER}


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.long)])
async def test_requests_in_pieces_are_read_as_in_one(step: int) -> None:
    """Whatever arrives together, the same requests are taken and refused."""
    for name, raw in [*cases()][5::step]:
        whole, cut = by_us([raw]), by_us(pieces_of(raw, name))
        same = (whole.requests, whole.refused > 0) == (cut.requests, cut.refused > 0)
        # Only a whole first line shows RTSP, whose requests read like ours. Answers come between pieces.
        assert same or "RTSP" in name or "40 requests" in name, name
