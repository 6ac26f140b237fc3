"""Which `Host` headers the status listener answers. Pure.

A web page can have its own name resolve to an address of this machine (DNS rebinding), and then ask
from a browser here. The `Host` header of such a request has the name of that page. So only names that
are ours are answered. An address is no name, and cannot be turned against us.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from gitdailies_connection.addresses import Listen


@dataclass(frozen=True)
class AllowedHosts:
    """Names in lower case, and whether any address is allowed, or only loopback ones and those in *names*."""

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, listen: Listen, names: Iterable[str]) -> "AllowedHosts":
        """Return what a listener at *listen* answers, with *names* of the configuration."""
        ours = (listen.host, "localhost", *names)
        address = _address(listen.host)
        return cls(frozenset(_plain(name) for name in ours), address is not None and address.is_unspecified)

    def allows(self, header: str) -> bool:
        """Whether a request with this `Host` header is meant for us. The port does not matter."""
        host = _plain(_without_port(header.strip()))
        if host in self.names:
            return True
        address = _address(host)
        return address is not None and (self.any_address or address.is_loopback)


def _without_port(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0] if header.count(":") == 1 else header


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
