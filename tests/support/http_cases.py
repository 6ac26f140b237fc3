"""Thousands of raw requests, well-formed, odd and hostile, each with a name.

`http_cases.yml` has their pieces. They put every byte at each place of a request, and have all pairs of
lengths and codings, the faults of chunked bodies, first lines, fields, and several requests of a connection.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import yaml

PIECES: Mapping[str, list[bytes]] = {
    name: [text.encode("latin-1") for text in texts]
    for name, texts in yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8")).items()
}

HOST = b"Host: relay.example\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_BODY = b"3\r\nabc\r\n0\r\n\r\n"

Cases = Iterator[tuple[str, bytes]]


def _post(fields: bytes, body: bytes, line: bytes = b"POST /a HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + fields + b"\r\n" + body


def _get(fields: bytes) -> bytes:
    return _post(fields, b"", b"GET /a HTTP/1.1")


# The byte replaces the underscore.
_PLACES = {
    "in a name": _get(b"X_Y: 1\r\n"),
    "before a name": _get(b"_X: 1\r\n"),
    "before a colon": _get(b"X_: 1\r\n"),
    "in a value": _get(b"X: a_b\r\n"),
    "after a CR": _get(b"X: 1\r_Y: 2\r\n"),
    "in a target": b"GET /a_b HTTP/1.1\r\n" + HOST + b"\r\n",
    "in a method": b"GE_T /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "after a method": b"GET_/a HTTP/1.1\r\n" + HOST + b"\r\n",
    "after a version": b"GET /a HTTP/1.1_\r\n" + HOST + b"\r\n",
    "as a chunk size": _post(_CHUNKED, b"_\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"),
    "after a chunk size": _post(_CHUNKED, b"3_\r\nabc\r\n0\r\n\r\n"),
    "after a length": _post(b"Content-Length: 3_\r\n", b"abc"),
    "before a length": _post(b"Content-Length: _3\r\n", b"abc"),
    "after a coding": _post(b"Transfer-Encoding: chunked_\r\n", _BODY),
    "before a coding": _post(b"Transfer-Encoding:_chunked\r\n", _BODY),
}


def _bytes() -> Cases:
    for (place, raw), byte in product(_PLACES.items(), range(256)):
        yield f"byte {byte:02x} {place}", raw.replace(b"_", bytes([byte]))


def _framing() -> Cases:
    for length, coding in product(PIECES["lengths"], PIECES["codings"]):
        both = b"Content-Length: %s\r\n" % length, b"Transfer-Encoding: %s\r\n" % coding
        yield f"{length!r} and {coding!r}", _post(b"".join(both), _BODY)
        yield f"{coding!r} and {length!r}", _post(b"".join(reversed(both)), _BODY)
    for length in PIECES["lengths"]:
        yield f"length {length!r}", _post(b"Content-Length: %s\r\n" % length, b"abc")
    for coding in PIECES["codings"]:
        yield f"coding {coding!r}", _post(b"Transfer-Encoding: %s\r\n" % coding, _BODY)
    for one, two in product((b"3", b"0", b"4", b"03", b"3 ", b""), repeat=2):
        yield (
            f"lengths {one!r} {two!r}",
            _post(b"Content-Length: %s\r\nContent-Length: %s\r\n" % (one, two), b"abc"),
        )
    for one, two in product((b"chunked", b"identity", b"", b"x", b"gzip"), repeat=2):
        fields = b"Transfer-Encoding: %s\r\nTransfer-Encoding: %s\r\n" % (one, two)
        yield f"codings {one!r} {two!r}", _post(fields, _BODY)
    forms, lengths, codings = (PIECES[name] for name in ("forms", "length_names", "coding_names"))
    for name in (*lengths, *(form % lengths[0] for form in forms)):
        yield f"the field {name!r}", _post(name + b": 3\r\n", b"abc")
    for name in (*codings, *(form % codings[0] for form in forms)):
        yield f"the field {name!r}", _post(name + b": chunked\r\n", _BODY)


_END = b"\r\nabc\r\n0\r\n\r\n"
_LARGE_BODIES = (
    b"3;" + b"a" * 20_000 + _END,
    b"3\r\nabc\r\n0\r\n" + b"X: 1\r\n" * 500 + b"\r\n",
)


def _chunks() -> Cases:
    sized = (size + _END for size in PIECES["sizes"])
    trailed = (b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n" for trailer in PIECES["trailers"])
    for body in (*sized, *trailed, *PIECES["bodies"], *_LARGE_BODIES):
        yield f"chunks {body[:40]!r}", _post(_CHUNKED, body)
        yield f"chunks {body[:40]!r} and a request", _post(_CHUNKED, body) + NEXT


_NO_REQUESTS = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + NEXT,
)


def _lines() -> Cases:
    for method, target in product(PIECES["methods"], PIECES["targets"]):
        length = b"Content-Length: 0\r\n" if method in (b"POST", b"PUT", b"PATCH") else b""
        yield f"{method!r} {target!r}", b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, target, HOST, length)
    for version, end in product(PIECES["versions"], PIECES["ends"]):
        yield f"version {version!r} {end!r}", b"GET /a " + version + end + HOST + b"\r\n"
    for before in (*PIECES["before"], b"\r\n" * 5, b"\r\n" * 50):
        yield f"after {before!r}", before + NEXT
    for raw in (*PIECES["no_requests"], *_NO_REQUESTS):
        yield f"no request {raw[:20]!r}", raw


_LARGE = (
    *(b"".join(b"X%d: 1\r\n" % number for number in range(count))[:-2] for count in (97, 101, 2000)),
    *(b"X: " + b"a" * size for size in (8_000, 16_000, 60_000, 70_000, 1_000_000)),
    b"X" * 10_000 + b": 1",
)


def _fields() -> Cases:
    for line in (b"POST /a HTTP/1.1", b"POST /a HTTP/1.0", b"GET /a HTTP/1.1"):
        for head in (*PIECES["heads"], *_LARGE, b"Expect: 100-continue"):
            body = {b"Con": b"abc", b"Tra": _BODY}.get(head[:3], b"")
            yield f"{line!r} {head[:30]!r} {len(head)}", _post(head + b"\r\n", body, line)
        for head in PIECES["with_body"]:
            yield f"{line!r} {head!r} and a body", _post(head + b"\r\nContent-Length: 3\r\n", b"abc", line)
    for host, version in product((*PIECES["hosts"], b"Host: " + b"a" * 5000), (b"1.1", b"1.0")):
        ended = host and host + b"\r\n"
        yield f"{host[:40]!r} {version!r}", b"GET /a HTTP/%s\r\n%s\r\n" % (version, ended)


def _rows() -> Cases:
    first, old = _get(b""), _get(b"").replace(b"1.1", b"1.0")
    kept = b"Connection: keep-alive\r\n"
    firsts = [
        first,
        b"",
        old,
        NEXT + b"\r\n",
        first.replace(b"GET", b"HEAD"),
        first.replace(b"GET", b"POST"),
        b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST /c HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
        *(_get(b"Connection: %s\r\n" % word) for word in (b"close", b"Close", b"foo, close")),
        _get(b"Connection: upgrade\r\nUpgrade: foo\r\n"),
        _get(kept).replace(b"1.1", b"1.0"),
    ]
    for line in (b"GET /c HTTP/1.1", b"POST /c HTTP/1.1", b"POST /c HTTP/1.0"):
        firsts += [_post(b"Content-Length: 0\r\n", b"", line), _post(b"Content-Length: 3\r\n", b"abc", line)]
        firsts += [_post(_CHUNKED, _BODY, line), _post(kept + _CHUNKED, _BODY, line)]
        firsts.append(_post(kept + b"Content-Length: 3\r\n" + _CHUNKED, _BODY, line))
    for raw in firsts:
        yield f"{raw!r} and a request", raw + NEXT
    for count in (2, 15, 17, 40):
        yield f"{count} requests", NEXT * count
    yield "a request and zeros", NEXT + b"\0\0\0"
    for sent in (b"abcd", b"abc", b""):
        yield f"{len(sent)} bytes of 5", _post(b"Content-Length: 5\r\n", sent)


def cases() -> Cases:
    """Yield the name and the bytes of each case."""
    for group in (_bytes, _framing, _chunks, _lines, _fields, _rows):
        yield from group()
