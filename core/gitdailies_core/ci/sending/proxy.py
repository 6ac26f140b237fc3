"""The proxy that the environment names: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

This module is exempt from core's rule against I/O: it reads the environment.
"""

from __future__ import annotations

import base64
import os
from http.client import HTTPConnection
from urllib.parse import SplitResult, unquote, urlsplit


def proxy_of(parts: SplitResult) -> SplitResult | None:
    """Return the address of the proxy that the environment names for *parts*, or None.

    Raises ValueError, which names the variable, for a proxy that does not take plain HTTP.
    """
    # Few jobs have a proxy, and this takes a tenth of a report's time.
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    from urllib.request import (  # type: ignore[attr-defined]
        getproxies_environment,
        proxy_bypass_environment,
    )

    proxies = getproxies_environment()
    name = parts.scheme if proxies.get(parts.scheme) else "all"
    address = proxies.get(name)
    if not address or proxy_bypass_environment(parts.netloc, proxies):
        return None
    try:
        proxy = urlsplit(address if "://" in address else f"http://{address}")
        # Reading the port raises ValueError if it is no number. Its text may show a password.
        usable = proxy.scheme == "http" and proxy.hostname and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{name.upper()}_PROXY: expected an http:// address, got another")
    return proxy


def through(
    proxy: SplitResult, connection: HTTPConnection, url: str, target: str, headers: dict[str, str]
) -> str:
    """Prepare a *connection* to a proxy, and return the target of a request.

    In a tunnel that is *target*. Without one, *headers* get the proxy's password.
    """
    parts = urlsplit(url)
    authorization = {}
    if proxy.username:
        user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        authorization["Proxy-Authorization"] = f"Basic {base64.b64encode(user).decode()}"
    if parts.scheme == "http":
        headers.update(authorization)
        return url
    connection.set_tunnel(parts.hostname or "", parts.port or 443, authorization)
    return target


def named(proxy: SplitResult) -> str:
    """Name a proxy without its user and password."""
    return f"the proxy {proxy.hostname}:{proxy.port or 80}"
