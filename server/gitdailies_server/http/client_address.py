"""Who sent a request: the address of the connection, or what proxies that are trusted say of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from gitdailies_connection.addresses import Network

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDED_HEADER = "x-forwarded-for"
# A chain of proxies is as long as somebody built it, and each of them is trusted.
_LONGEST_CHAIN = 16
_LONGEST_TEXT = 64


def client_address(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address of whoever spoke to the first proxy that is trusted.

    *forwarded* is X-Forwarded-For, to whose end every proxy adds the address it was spoken to
    from: it is read from there, only as far as the addresses are those of trusted proxies, since
    what stands before was written by anybody. What is no address ends the reading.
    """
    if not forwarded or not trusted:
        return _shown(peer)
    address = _read(peer)
    if address is None:
        return ""
    for text in reversed(forwarded.rsplit(",", _LONGEST_CHAIN)[-_LONGEST_CHAIN:]):
        if not any(address in network for network in trusted):
            break
        before = _read(text)
        if before is None:
            break
        address = before
    return str(address)


@lru_cache(maxsize=1024)
def _shown(peer: str) -> str:
    # To write an address takes longer than to look it up, and senders come again.
    address = _read(peer)
    return "" if address is None else str(address)


@lru_cache(maxsize=1024)
def _read(text: str) -> _Address | None:
    """Read an address, with or without a port: `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]:443`."""
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # Behind % an interface is named, in any words.
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
