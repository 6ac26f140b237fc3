"""Check the addresses in the configuration: https to other machines, never a cloud's metadata service.

Functions raise ValueError with `expected …, got …`. Messages do not repeat an address, because it may
contain a password or a key.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

# Here clouds give credentials to any program on the machine. Sources: the metadata pages of AWS,
# Google Cloud, Azure (168.63.129.16 is its wire server), Alibaba and Oracle.
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_METADATA = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fe80::/10",
        "fd00:ec2::/32",
        "fd20:ce::/32",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")


Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Listen:
    """The address of a server; port 0 lets the system choose."""

    host: str
    port: int

    def local(self) -> "Listen":
        """Return where this machine reaches it: the same, or loopback for a server on all addresses."""
        if not (_is_ip(self.host) and ipaddress.ip_address(self.host).is_unspecified):
            return self
        return Listen("::1" if ":" in self.host else "127.0.0.1", self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen(text: str) -> Listen:
    """Parse HOST:PORT, with an IPv6 address in brackets."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", text)
    if match is None or int(match[3]) > 65535 or (match[1] is not None and not _is_ip(match[1])):
        raise ValueError("expected HOST:PORT like 127.0.0.1:8701 or [::1]:8701, got something else")
    return Listen(match[1] or match[2], int(match[3]))


def parse_network(text: str) -> Network:
    """Parse an address, or a network such as 10.0.0.0/8."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        whole = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            "expected an address or a network like 10.0.0.0/8 or fd00::/8, got something else"
        ) from None
    raise ValueError(f"expected a network, got an address inside it; did you mean {whole}")


def check_receiver(text: str, *, allow_http: bool = False) -> str:
    """Check the address that events are posted to."""
    parts = _split(text, "an http or https address")
    if parts.query or parts.fragment:
        raise ValueError("expected an address without ? and #, where keys might be, got one with them")
    host = parts.hostname or ""
    if forbidden_reason(host):
        raise ValueError(f"expected the address of a receiver, got {forbidden_reason(host)}")
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise ValueError(
            "expected https for another machine, got http (allow_http: true permits it, without encryption)"
        )
    return text


def check_https(text: str) -> str:
    """Check an address that is a secret, or whose answer is trusted: https, or on this machine."""
    parts = _split(text, "an https address")
    if parts.query or parts.fragment:
        raise ValueError("expected an address without ? and #, got one with them")
    if forbidden_reason(parts.hostname or ""):
        raise ValueError(f"expected another address, got {forbidden_reason(parts.hostname or '')}")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("expected https for another machine, got http")
    return text


def check_proxy(text: str) -> str:
    """Check the address of a proxy."""
    _split(text, "an http or https address of a proxy")
    return text


def forbidden_reason(host: str) -> str:
    """Return why nothing may be sent to *host*, a name or an IP address, or ""."""
    if host.rstrip(".").lower() in _METADATA_NAMES:
        return "a cloud's metadata service"
    try:
        address = ipaddress.ip_address(host.replace("%25", "%").split("%")[0])
    except ValueError:
        return ""
    for form in (address, _embedded(address)):
        if any(form in network for network in _METADATA if form is not None):
            return "a link-local address or a cloud's metadata service"
    return ""


def origin(url: str) -> str:
    """Return scheme, host and port of an address, without path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _split(text: str, expected: str) -> SplitResult:
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise ValueError(f"expected {expected}, got one with spaces or control characters")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise ValueError(f"expected {expected}, got one that cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"expected {expected}, got one that does not begin with http:// or https://")
    if not host or port == 0:
        raise ValueError(f"expected {expected}, got one without host or with port 0")
    if "@" in parts.netloc:
        raise ValueError(f"expected {expected} without user and password, got one with them")
    return parts


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one carries: mapped, compatible, NAT64, 6to4."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an IP address, is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
