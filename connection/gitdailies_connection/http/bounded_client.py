"""Bounded requests to other servers: each has a deadline, and its answer has a largest size.

Metadata services are refused. No redirect is followed, no cookie kept, and no netrc read.
"""

import os
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from gitdailies_core.errors import ConfigurationError, DeliveryError, TimedOut

from gitdailies_connection.addresses import is_loopback
from gitdailies_connection.http.connection_pool import Deadlines, GuardedAdapter
from gitdailies_connection.http.failures import NotConnected, failure_reason, is_connected
from gitdailies_connection.http.response import Response
from gitdailies_connection.published import PACKAGE

LARGEST_ANSWER = 64 * 1024
_KEPT_HEADERS = (
    *("Content-Type", "Content-Encoding", "Retry-After", "Location", "Link"),
    *("RateLimit-Reset", "X-RateLimit-Reset", "X-RateLimit-Remaining"),
)
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")


class BoundedClient:
    """Sends requests over pooled connections, from any thread. Close it when done."""

    def __init__(
        self, *, timeout_seconds: float, ca_file: Path | None, ca_setting: str, in_flight: int
    ) -> None:
        """Set the limits; without *ca_file*, the usual environment variables apply.

        Raises ConfigurationError, with the name *ca_setting*, if the certificate file does not exist.
        """
        self._seconds = timeout_seconds
        self._verify = _trusted(ca_file, ca_setting)
        self._adapter = GuardedAdapter(pool_connections=4, pool_maxsize=in_flight, max_retries=0)
        self._deadlines = Deadlines(timeout_seconds)

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        largest: int = LARGEST_ANSWER,
        proxy: str | None = None,
    ) -> Response:
        """Send a request to *url*, which is prepared already; at most *largest* bytes of the answer are read.

        Raises DeliveryError if no answer came: TimedOut if none came in time, NotConnected if there was no
        connection.
        """
        with self._deadlines.exchange() as exchange:
            try:
                request = _request(method, url, headers, body)
                # Only the adapter: a session would follow redirects, keep cookies and read netrc.
                with self._adapter.send(
                    request,
                    stream=True,
                    timeout=self._seconds,
                    verify=self._verify,
                    proxies={"http": proxy, "https": proxy} if proxy else {},
                ) as response:
                    return _read(response, largest)
            # http.client raises ValueError for some broken status lines and chunk sizes.
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                cause: BaseException = TimeoutError() if exchange.timed_out else error
                text = failure_reason(cause, url=url, proxy=proxy, seconds=self._seconds)
                timed_out = isinstance(cause, (requests.Timeout, TimeoutError))
                if not is_connected(cause):
                    raise NotConnected(text) from None
                raise (TimedOut if timed_out else DeliveryError)(text) from None

    def cut(self) -> None:
        """End all requests in progress, in any thread, as if they had timed out; later ones go on."""
        self._deadlines.cut()

    def close(self) -> None:
        """Close idle connections."""
        self._adapter.close()


def ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    seconds: float,
    largest: int = LARGEST_ANSWER,
) -> Response:
    """Send one request over a connection of its own; raises as `BoundedClient.exchange` does.

    `Response.cut` says whether the answer had more than *largest* bytes.
    """
    address = prepared(url)
    client = BoundedClient(timeout_seconds=seconds, ca_file=None, ca_setting="", in_flight=1)
    try:
        proxy = proxy_of_environment(address)
        return client.exchange(method, address, headers, body, largest=largest, proxy=proxy)
    finally:
        client.close()


def prepared(url: str) -> str:
    """Return an address as it is sent, with other characters than ASCII encoded."""
    text = requests.Request("GET", url).prepare().url
    assert text is not None
    return text


def proxy_of_environment(url: str) -> str | None:
    """Return the proxy that the environment names for *url*; None if there is none."""
    # A proxy cannot reach this machine's loopback, although many shells set one for all addresses.
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)) or None


@cache
def user_agent() -> str:
    """Return the name and version for the User-Agent header."""
    return f"{PACKAGE}/{version(PACKAGE)}"


def _request(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.prepare_method(method)
    # It is prepared already. Preparing it again would take a tenth of the time to send an event.
    request.url = url
    always = {"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "identity"}
    request.prepare_headers({**always, **headers})
    if body is not None:
        request.prepare_body(body, None)
    return request


def _read(response: requests.Response, largest: int) -> Response:
    body, broken = b"", False
    try:
        while len(body) <= largest and (
            more := response.raw.read(largest + 1 - len(body), decode_content=False)
        ):
            body += more
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        # The status has arrived and decides the outcome; only the text of the body is lost.
        broken = True
    headers = {
        name.lower(): re.sub(r"[^\x20-\x7e]", "?", values[0])
        for name in _KEPT_HEADERS
        if (values := response.raw.headers.getlist(name))
    }
    return Response(response.status_code, headers, body[:largest], broken, len(body) > largest)


def _trusted(ca_file: Path | None, setting: str) -> str | bool:
    named = [(name, os.environ[name]) for name in _CA_VARIABLES if os.environ.get(name)]
    where, path = (setting, str(ca_file)) if ca_file else named[0] if named else ("", "")
    if path and not Path(path).exists():
        raise ConfigurationError(f"{where}: no certificate file at {path}")
    return path or True
