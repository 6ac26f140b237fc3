"""One request and its answer, with the standard library alone, directly or through a proxy.

This module is exempt from core's rule against I/O. It uses http.client, which follows no redirect.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gitdailies_core.ci.sending.proxy import through

_LONGEST_ANSWER_BYTES = 64 * 1024


class Fault(NamedTuple):
    """Why there is no response, and whether there was a connection."""

    error: Exception
    connected: bool


def exchange(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    seconds: float,
    proxy: SplitResult | None,
) -> tuple[HTTPResponse, bytes] | Fault:
    """Send a request, and return the response with the beginning of its body."""
    connected = False
    parts = urlsplit(url)
    at = proxy or parts
    port = at.port or (80 if proxy else None)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(at.hostname or "", port, timeout=seconds)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy:
            target = through(proxy, connection, url, target, headers)
        try:
            connection.connect()
            connected = True
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                try:
                    return response, response.read(_LONGEST_ANSWER_BYTES)
                except (OSError, HTTPException):
                    # The status has arrived. It decides, without the body.
                    return response, b""
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return Fault(error, connected)
