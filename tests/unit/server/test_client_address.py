"""The client's address in the log: from headers of trusted proxies only."""

import ipaddress

import pytest
from gitdailies_connection.addresses import parse_network
from gitdailies_server.http.client_address import client_address
from hypothesis import given
from hypothesis import strategies as st

PROXIES = [parse_network(text) for text in ("127.0.0.1", "10.0.0.0/8", "fd00::/8")]

CASES = {
    "no header": ("127.0.0.1", "", "127.0.0.1"),
    "one proxy": ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
    "two proxies": ("127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"),
    "an address of the sender's invention": ("127.0.0.1", "192.0.2.1, 198.51.100.7", "198.51.100.7"),
    "an invented proxy": ("127.0.0.1", "192.0.2.1, 10.0.0.1, 198.51.100.7", "198.51.100.7"),
    "a peer that is no proxy": ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
    "proxies alone": ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
    "no address": ("127.0.0.1", "198.51.100.7, unknown", "127.0.0.1"),
    "an empty entry": ("127.0.0.1", "198.51.100.7,", "127.0.0.1"),
    "with a port": ("127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
    "IPv6": ("fd00::1", "2001:DB8::0:7", "2001:db8::7"),
    "IPv6 with a port": ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
    "IPv4 in IPv6": ("::ffff:127.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
    "an interface": ("127.0.0.1", 'fe80::7%"}\n{"event": "forged"}', "fe80::7"),
    "a long one": ("127.0.0.1", "1" * 5000, "127.0.0.1"),
    "a chain without end": ("127.0.0.1", "10.0.0.1," * 5000 + "10.0.0.2", "10.0.0.1"),
    "no socket": ("", "198.51.100.7", ""),
}


@pytest.mark.parametrize("name", CASES)
def test_address(name: str) -> None:
    """The header is read from its end while addresses are trusted; an invalid one ends the reading."""
    peer, forwarded, expected = CASES[name]

    assert client_address(peer, forwarded, PROXIES) == expected


def test_without_trust_nothing_is_believed() -> None:
    """Where no proxy is named, the address is the connection's, even on this machine."""
    assert client_address("127.0.0.1", "198.51.100.7", ()) == "127.0.0.1"


@given(st.text(max_size=200))
def test_what_is_shown_is_an_address(forwarded: str) -> None:
    """For any header, the result is an address in its usual form."""
    shown = client_address("127.0.0.1", forwarded, PROXIES)

    assert str(ipaddress.ip_address(shown)) == shown
