"""Whether a host is on this machine or in a private network, by its name or address alone. Pure.

Nothing is looked up, so a public name of a private address counts as public.
"""

from __future__ import annotations

import re

# This machine, private and link-local networks, and the shared ones of carriers (RFC 1918, 3927, 6598).
_PRIVATE_V4 = (
    r"^(?:0|10|127|192\.168|169\.254|172\.(?:1[6-9]|2[0-9]|3[01])"
    r"|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\."
)
# Loopback, unique local and link-local addresses (RFC 4193, 4291).
_PRIVATE_V6 = r"^(?:(?:0*:)+(?:0*1)?$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)"
_V4 = r"^[0-9]+(?:\.[0-9]+){3}$"
_MAPPED = r"^::ffff:([0-9.]+)$"
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
    name = host.strip("[]").rstrip(".").lower().partition("%")[0]
    mapped = re.match(_MAPPED, name)
    if mapped:
        name = mapped[1]
    if re.match(_V4, name):
        return bool(re.match(_PRIVATE_V4, name))
    if ":" in name:
        return bool(re.match(_PRIVATE_V6, name))
    return "." not in name or name.endswith(_PRIVATE_NAMES)
