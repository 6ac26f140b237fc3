"""What trusted proxies report about a request: the address of the client, and where it opened the page."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from gitdailies_connection.addresses import Network

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDED_HEADER = "x-forwarded-for"
# The longest chain of trusted proxies that is followed.
_LONGEST_CHAIN = 16
_LONGEST_TEXT = 64
HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class OpenedAt(NamedTuple):
    """How a client addressed the outermost proxy: http or https, and the host; "" where that is not said."""

    scheme: str
    host: str


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address of the client that connected to the outermost trusted proxy.

    *forwarded* is X-Forwarded-For. Every proxy appends the address of its own client to it, so it is
    read from the end, and only while the addresses belong to trusted proxies: any client can write
    what comes before. Reading stops at text that is not an address.
    """
    address = _parse(peer)
    if address is None:
        return ""
    for text in reversed(forwarded.rsplit(",", _LONGEST_CHAIN)[-_LONGEST_CHAIN:]):
        if not any(address in network for network in trusted):
            break
        before = _parse(text)
        if before is None:
            break
        address = before
    return str(address)


def opened_at(peer: str, headers: Mapping[str, str], trusted: Sequence[Network]) -> OpenedAt:
    """Return what X-Forwarded-Proto and X-Forwarded-Host say, if the *peer* is a trusted proxy.

    *headers* have names in lower case. Each proxy may add its own value; the first is the outermost one's.
    """
    if not is_trusted(peer, trusted):
        return OpenedAt("", "")
    scheme, host = (
        headers.get(f"x-forwarded-{name}", "").partition(",")[0].strip() for name in ("proto", "host")
    )
    return OpenedAt(
        scheme.lower() if scheme.lower() in ("http", "https") else "", host if HOST.fullmatch(host) else ""
    )


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Return whether the *peer* of a connection is a trusted proxy."""
    address = _parse(peer) if trusted else None
    return address is not None and any(address in network for network in trusted)


def _parse(text: str) -> _Address | None:
    """Parse an address, with or without a port: `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`."""
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # The text after % names an interface.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
