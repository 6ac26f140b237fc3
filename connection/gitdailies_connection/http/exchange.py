"""One request and its answer over a pooled connection: written at once, read by http.client.

requests and urllib3 find the way (proxy, TLS, which connection is still good); what they do to
each request beside that takes three times as long as sending it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ProxyError

from gitdailies_connection.http.connection_pool import Exchange
from gitdailies_connection.http.response import Answer

_PORTS = {"http": 80, "https": 443}
_TOLD = ("Content-Type", "Content-Encoding", "Retry-After", "Location")


@dataclass(frozen=True)
class Way:
    """How to get to an address: the pool of its connections, and what each request begins with."""

    pool: HTTPConnectionPool
    target: str
    head: bytes


def way(
    adapter: HTTPAdapter, url: str, *, verify: str | bool, proxies: dict[str, str], headers: dict[str, str]
) -> Way:
    """Find the way to *url*; *headers* go with every request.

    Raises what requests raises for a proxy that it cannot use, and OSError for missing certificates.
    """
    request = requests.Request("POST", url).prepare()
    assert request.url is not None
    # Any: the stubs of requests know of no proxy, and leave this method untyped.
    finding: Any = adapter
    pool = finding.get_connection_with_tls_context(request, verify, proxies=proxies, cert=None)
    finding.cert_verify(pool, request.url, verify, None)
    parts = urlsplit(request.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.port not in (None, _PORTS[parts.scheme]):
        host += f":{parts.port}"
    if pool.proxy is not None and parts.scheme == "http":
        # Through a tunnel the proxy reads none of it.
        headers = {**headers, **pool.proxy_headers}
    return Way(pool, adapter.request_url(request, proxies), _lines({"Host": host, **headers}))


def ask(
    way: Way,
    method: str,
    headers: dict[str, str],
    body: bytes,
    *,
    exchange: Exchange,
    seconds: float,
    largest: int,
) -> Answer:
    """Send a request and read at most *largest* bytes of the answer's body.

    Raises HTTPError of urllib3, OSError or ValueError where no answer came.
    """
    message = b"%s %s HTTP/1.1\r\n%s%s\r\n%s" % (
        method.encode(),
        way.target.encode("latin-1"),
        way.head,
        _lines(headers),
        body,
    )
    pool = way.pool
    connection: Any = pool._get_conn()  # noqa: SLF001  what urlopen calls, and the only way to a pooled connection
    kept = False
    try:
        if connection.sock is None:
            _connect(pool, connection, seconds)
        exchange.sock = connection.sock
        # A receiver may refuse a body before it has read it; its answer is there to be read.
        with suppress(ConnectionError):
            connection.sock.sendall(message)
        response = HTTPResponse(connection.sock, method=method)
        try:
            response.begin()
            answer, kept = _read(response, largest)
        finally:
            response.close()
    except HTTPException as error:
        raise ProtocolError("no answer in HTTP", error) from error
    finally:
        # From here on it is another exchange's to end.
        exchange.sock = None
        if not kept:
            connection.close()
        pool._put_conn(connection)  # noqa: SLF001
    return answer


def _connect(pool: HTTPConnectionPool, connection: Any, seconds: float) -> None:
    connection.timeout = seconds
    try:
        if pool.proxy is not None and pool.scheme == "https":
            pool._prepare_proxy(connection)  # noqa: SLF001  opens the tunnel
        pool._validate_conn(connection)  # noqa: SLF001  connects where TLS is spoken, and checks the certificate
        if connection.sock is None:
            connection.connect()
    except (OSError, HTTPError) as error:
        if pool.proxy is not None and not connection.has_connected_to_proxy:
            raise ProxyError("no way through the proxy", error) from error
        raise


def _read(response: HTTPResponse, largest: int) -> tuple[Answer, bool]:
    """Return the answer, and whether its connection can serve another request."""
    body, broken = b"", False
    try:
        while len(body) <= largest and (more := response.read(largest + 1 - len(body))):
            body += more
        # A body that is cut short by the end of the connection shows only by what is missing of it.
        broken = bool(response.length) and len(body) <= largest
    except (HTTPException, OSError, ValueError):
        # The status has come, and it decides; only the words about it are lost.
        broken = True
    headers = {
        name.lower(): re.sub(r"[^\x20-\x7e]", "?", value)
        for name in _TOLD
        if (value := response.headers.get(name)) is not None
    }
    whole = response.isclosed() and not response.will_close and not broken
    return Answer(response.status, headers, body[:largest], broken), whole


def _lines(headers: dict[str, str]) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise ValueError("header: expected one line, got several")
    return text.encode("latin-1")
