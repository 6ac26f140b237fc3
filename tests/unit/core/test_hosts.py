"""Whether a host is private, by its name or address alone."""

import pytest
from gitdailies_core.values.hosts import is_private

PRIVATE = (
    *("localhost", "LOCALHOST", "app.localhost", "webhooks", "hooks.internal", "hooks.local", "nas.lan"),
    *("hooks.svc.cluster.local", "box.home.arpa", "127.0.0.1", "127.8.0.1", "0.0.0.0", "10.1.2.3"),
    *("172.16.0.1", "172.31.255.1", "192.168.0.1", "169.254.1.1", "100.64.0.1", "100.127.0.1"),
    *("::1", "[::1]", "0:0:0:0:0:0:0:1", "fd12:3456::1", "fc00::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
    *("::ffff:a00:1", "::FFFF:7F00:1", "0:0:0:0:0:ffff:127.0.0.1"),
)
PUBLIC = (
    *("hooks.example.com", "example.com.", "localhost.example.com", "10.example.com", "internal.example"),
    *("8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.63.0.1", "100.128.0.1", "11.0.0.1"),
    *("2001:db8::1", "[2001:db8::1]", "fec0::1", "::ffff:8.8.8.8", "2606:4700::1111"),
)


@pytest.mark.parametrize("host", PRIVATE)
def test_private(host: str) -> None:
    """Addresses of private networks and names that no public resolver knows are private."""
    assert is_private(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_public(host: str) -> None:
    """Every other host is taken for public, also where its name only looks private."""
    assert not is_private(host)
