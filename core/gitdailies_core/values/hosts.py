"""Whether a host is on this machine or in a private network, by its name or address alone. Pure.

Nothing is looked up, so a public name of a private address counts as public.
"""

from __future__ import annotations

# This machine, private and link-local networks, and the shared ones of carriers (RFC 1918, 3927, 4193,
# 4291, 6598). `is_private` of an address means more networks, and others on each version of Python.
_NETWORKS = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "::/127", "fc00::/7", "fe80::/10"),
)
# Names that no public resolver knows (RFC 6761, 6762, 8375; ICANN keeps `internal` for this).
_PRIVATE_NAMES = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".lan",
    ".localdomain",
    ".test",
    ".invalid",
)


def is_private(host: str) -> bool:
    """Whether *host* is this machine or in a private network. A name without a dot is."""
    # Most addresses are of https and need no look.
    from ipaddress import ip_address, ip_network

    name = host.strip("[]").rstrip(".").lower().partition("%")[0]
    try:
        address = ip_address(name)
    except ValueError:
        return name.endswith(_PRIVATE_NAMES) or not ("." in name or ":" in name)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in ip_network(network) for network in _NETWORKS)
