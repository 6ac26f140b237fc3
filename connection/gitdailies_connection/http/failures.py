"""The reason why there is no response, as a short and safe text."""

import re
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from gitdailies_core.errors import DeliveryError

from gitdailies_connection.http.connection_pool import ForbiddenAddress
from gitdailies_connection.http.response import excerpt


class NotConnected(DeliveryError):
    """No connection was made, so nothing was sent."""


def is_connected(error: BaseException) -> bool:
    """Whether there was a connection, so that the request may have arrived."""
    kinds = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ProxyError,
        ssl.SSLCertVerificationError,
        ForbiddenAddress,
    )
    return not is_unreachable(error) and not any(isinstance(one, kinds) for one in _chain(error))


def is_unreachable(error: BaseException) -> bool:
    """Whether no server was found: the name is unknown, or nothing listens there."""
    kinds = (ConnectionRefusedError, urllib3.exceptions.NameResolutionError)
    return any(isinstance(one, kinds) for one in _chain(error))


def failure_reason(error: BaseException, *, url: str, proxy: str | None, seconds: float) -> str:
    """Return why there was no response, from *error*, with host and port, also of the *proxy*."""
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    chain = list(_chain(error))

    def any_is(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if proxy is not None:
        is_of_proxy = any_is(urllib3.exceptions.ProxyError, requests.exceptions.ProxyError)
        # Without its password. It may be no address at all.
        host = re.split("[/?#]", (proxy.partition("//")[2] or proxy).rpartition("@")[2])[0]
        named = f"the proxy {host}"
        where = f"{named} for {where}" if is_of_proxy else f"{where} through {named}"
    blocked = next((one for one in chain if isinstance(one, ForbiddenAddress)), None)
    if blocked is not None:
        return f"{where}: expected the address of a receiver, got {blocked}"
    tls = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"{where}: TLS: certificate not trusted: {excerpt(tls.verify_message)}"
    if tls is not None:
        reason = tls.reason or "the server does not speak TLS"
        return f"{where}: TLS: {excerpt(reason.replace('_', ' ').lower())}"
    if any_is(urllib3.exceptions.NameResolutionError):
        return f"{where}: name not resolved"
    if any_is(ConnectionRefusedError):
        return f"{where}: connection refused"
    if any_is(requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return f"{where}: timed out after {seconds:g} s"
    if any_is(requests.exceptions.InvalidSchema):
        return f"{where}: the kind of proxy named in the environment is not supported"
    refused = re.search(r"Tunnel connection failed: (\d{3})", " ".join(map(str, chain)))
    if refused:
        return f"{where}: refused by the proxy with {refused[1]}"
    if any_is(ConnectionError, urllib3.exceptions.ProtocolError):
        return f"{where}: connection closed before the complete answer arrived"
    reason = next((one.strerror for one in chain if isinstance(one, OSError) and one.strerror), "")
    return f"{where}: {excerpt(reason or type(chain[-1]).__name__).lower()}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and all errors that it wraps; libraries keep the cause in args, reason or cause."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
