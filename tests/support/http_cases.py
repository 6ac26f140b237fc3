"""Thousands of raw requests, well-formed, odd and hostile, each with a name.

They put every byte at each place of a request, and have all pairs of lengths and codings, the faults of
chunked bodies, first lines, fields, and several requests of one connection.
"""

from collections.abc import Iterator
from itertools import product

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


_LENGTHS = (
    b"|0|3|03|003|+3|-3|-0|3, 3|3,3|3, 4|3;|0x3|3 3|3.0|3e0|'3'|\"3\"|3\t|\x0b3|\xa03|18446744073709551616|"
    b"18446744073709551619|4294967299|99999999999999999999999| |NaN|\xef\xbc\x93"
).split(b"|")
_CODINGS = (
    b"|chunked|Chunked|CHUNKED|chunked | chunked|\tchunked|\x0bchunked|chunked\x0b|xchunked|"
    b"chunkedx|chunked,|"
    b",chunked|chunked, chunked|chunked,identity|identity,chunked|identity|gzip, chunked|chunked;q=1|"
    b"chunked; foo=bar|\"chunked\"|'chunked'|chunk|cow, chunked|\xa0chunked|chunked\x00|compress"
).split(b"|")
_NAMES = (
    b"%s |%s\t| %s|%s\x00|%s\x0b|%s:|X\n%s|X\r%s|X: 1\n%s|X: 1\r%s".split(b"|"),
    (b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"Content_Length", b"Content\xad-Length"),
    (b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer_Encoding"),
)


def _framing() -> Cases:
    for length, coding in product(_LENGTHS, _CODINGS):
        both = b"Content-Length: %s\r\n" % length, b"Transfer-Encoding: %s\r\n" % coding
        yield f"{length!r} and {coding!r}", _post(b"".join(both), _BODY)
        yield f"{coding!r} and {length!r}", _post(b"".join(reversed(both)), _BODY)
    for length in _LENGTHS:
        yield f"length {length!r}", _post(b"Content-Length: %s\r\n" % length, b"abc")
    for coding in _CODINGS:
        yield f"coding {coding!r}", _post(b"Transfer-Encoding: %s\r\n" % coding, _BODY)
    for one, two in product((b"3", b"0", b"4", b"03", b"3 ", b""), repeat=2):
        yield (
            f"lengths {one!r} {two!r}",
            _post(b"Content-Length: %s\r\nContent-Length: %s\r\n" % (one, two), b"abc"),
        )
    for one, two in product((b"chunked", b"identity", b"", b"x", b"gzip"), repeat=2):
        fields = b"Transfer-Encoding: %s\r\nTransfer-Encoding: %s\r\n" % (one, two)
        yield f"codings {one!r} {two!r}", _post(fields, _BODY)
    forms, lengths, codings = _NAMES
    for name in (*lengths, *(form % lengths[0] for form in forms)):
        yield f"the field {name!r}", _post(name + b": 3\r\n", b"abc")
    for name in (*codings, *(form % codings[0] for form in forms)):
        yield f"the field {name!r}", _post(name + b": chunked\r\n", _BODY)


_END = b"\r\nabc\r\n0\r\n\r\n"
_SIZES = (
    b'3;a=b|3;a="b"|3;a="b\r\n"|3;a\rb|3;a\x00|3 ;a=b|3;|0x3|+3|-3|0000000000000000000000003|'
    b"10000000000000003|"
    b"100000003|ffffffffffffffff|| 3|3 |3\t|2|3_|03"
).split(b"|")
_TRAILERS = (
    b"X: 1\r\n|Content-Length: 3\r\n|Transfer-Encoding: chunked\r\n|Host: x\r\n|X : 1\r\n|"
    b"X: 1\r\n 2\r\n|X: 1\n|"
    b"X: a\0b\r\n|Connection: upgrade\r\nUpgrade: x\r\n|garbage\r\n|Expect: 100-continue\r\n"
).split(b"|")
_BODIES = (
    b"3\nabc\n0\n\n",
    b"3\nabc\r\n0\r\n\r\n",
    b"3;a\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc\r\n0\n\r\n",
    b"3\r\nabc\r\n0\r\n\n",
    b"3\rabc\r0\r\r",
    b"A\r\nabcdefghij\r\n0\r\n\r\n",
    b"a\r\nabcdefghij\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nabc0\r\n\r\n",
    b"3\r\nabcXX0\r\n\r\n",
    b"3\r\nabc\r\n000\r\n\r\n",
    b"3\r\nabc\r\n0;a=b\r\n\r\n",
    b"0\r\n\r\n",
    b"3;" + b"a" * 20_000 + _END,
    b"3\r\nabc\r\n0\r\n" + b"X: 1\r\n" * 500 + b"\r\n",
)


def _chunks() -> Cases:
    sized = (size + _END for size in _SIZES)
    trailed = (b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n" for trailer in _TRAILERS)
    for body in (*sized, *trailed, *_BODIES):
        yield f"chunks {body[:40]!r}", _post(_CHUNKED, body)
        yield f"chunks {body[:40]!r} and a request", _post(_CHUNKED, body) + NEXT


_METHODS = (
    b"GET|get|Get|HEAD|OPTIONS|PUT|PATCH|DELETE|TRACE|CONNECT|PROPFIND|FOO|M-SEARCH|PRI|SOURCE|"
    b"QUERY|PURGE|DESCRIBE|"
    b"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX||POST"
).split(b"|")
_TARGETS = (
    b"/|*|/a?b=c|http://127.0.0.1/a|HTTP://127.0.0.1/a|https://x/a|//a//b|127.0.0.1:80|a|/a#f|?a||http://|"
    b"http://[::1]:1/a|http://u:p@h/a|/%00|/%|/%zz|/a%2fb|/a/../b|/\xff|/\xc3\xa4|ftp://x/y|/a b"
).split(b"|")
_VERSIONS = (
    b"HTTP/1.1|HTTP/1.0|HTTP/0.9|HTTP/2.0|HTTP/1.2|HTTP/1.10|HTTP/1.|HTTP/11|http/1.1|HTTP/1.1 |"
    b" HTTP/1.1|HTTP/1,1|"
    b"HTTP/01.1||HTTP|HTTP/3|ICY/1.1|RTSP/1.0|HTTP/9.9|HTTPS/1.1|\tHTTP/1.1|HTTP/1.1\t|HTTP/1.1\x0b"
).split(b"|")
_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\n\n")
_BEFORE = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n" * 5,
    b"\r\n" * 50,
    b" ",
    b"\0",
    b"\xef\xbb\xbf",
    b"\r\n ",
    b"\n\r\n",
)
_NO_REQUESTS = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + NEXT,
    b"GET /a\r\n",
    b"GET /a\r\n\r\n",
)


def _lines() -> Cases:
    for method, target in product(_METHODS, _TARGETS):
        length = b"Content-Length: 0\r\n" if method in (b"POST", b"PUT", b"PATCH") else b""
        yield f"{method!r} {target!r}", b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, target, HOST, length)
    for version, end in product(_VERSIONS, _ENDS):
        yield f"version {version!r} {end!r}", b"GET /a " + version + end + HOST + b"\r\n"
    for before in _BEFORE:
        yield f"after {before!r}", before + NEXT
    for raw in _NO_REQUESTS:
        yield f"no request {raw[:20]!r}", raw


_HEADS = (
    b"X: a\r\n b|X: a\r\n\tb| X: a|X:\r\n b|Content-Length:\r\n 3|Transfer-Encoding:\r\n chunked|Xabc|: a|X:|"
    b"X:   \t a \t |X: a\n|X: a\r|X: a\n\n|X: a\n\nGET /s HTTP/1.1\r\nHost: x|"
    b"X: a\r\rGET /s HTTP/1.1|X: a\r\nX: b|"
    b'X: \xc3\xa4\xe2\x82\xac|X|X: "a|Proxy-Connection: keep-alive'
).split(b"|")
_LARGE = (
    *(b"".join(b"X%d: 1\r\n" % number for number in range(count))[:-2] for count in (97, 101, 2000)),
    *(b"X: " + b"a" * size for size in (8_000, 16_000, 60_000, 70_000, 1_000_000)),
    b"X" * 10_000 + b": 1",
)
# With a body of three bytes.
_WITH_BODY = (
    b"Expect: 100-continue|Expect: 100-Continue|Expect: foo|Expect:|Expect: 100-continue, foo|"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA|"
    b"Connection: Upgrade\r\nUpgrade: websocket|Connection: close, Upgrade\r\nUpgrade: h2c|"
    b"Upgrade: h2c|Connection: upgrade|TE: trailers\r\nConnection: TE|"
    b"Connection: keep-alive|Connection: close, keep-alive|Connection:|Connection: Transfer-Encoding|"
    b"Connection: Content-Length|Content-Encoding: utf-8"
).split(b"|")
_HOSTS = (
    b"|Host:|Host: a\r\nHost: b|Host: a\r\nHost: a|Host: a b|Host: a,b|Host: a/b|Host: a@b|"
    b"Host: [::1]|Host: [::1|"
    b"Host: a:|Host: a:99999|Host: a:b|Host: http://a|Host: a?b|Host: a#b|Host: \xff|Host: a\tb|"
    b"host: a|HOST: a|"
    b"Host : a| Host: a"
).split(b"|")


def _fields() -> Cases:
    for line in (b"POST /a HTTP/1.1", b"POST /a HTTP/1.0", b"GET /a HTTP/1.1"):
        for head in (*_HEADS, *_LARGE, b"Expect: 100-continue"):
            body = {b"Con": b"abc", b"Tra": _BODY}.get(head[:3], b"")
            yield f"{line!r} {head[:30]!r} {len(head)}", _post(head + b"\r\n", body, line)
        for head in _WITH_BODY:
            yield f"{line!r} {head!r} and a body", _post(head + b"\r\nContent-Length: 3\r\n", b"abc", line)
    for host, version in product((*_HOSTS, b"Host: " + b"a" * 5000), (b"1.1", b"1.0")):
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
