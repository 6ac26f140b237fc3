"""Which Host headers the status listener answers: its own names, and addresses that no page can take."""

import pytest
from gitdailies_connection.addresses import parse_listen
from gitdailies_server.http.allowed_hosts import AllowedHosts

HERE, EVERYWHERE, NAMED = "127.0.0.1:8702", "0.0.0.0:8702", "relay.internal:8702"


@pytest.mark.parametrize(
    ("listen", "header", "allowed"),
    [
        (HERE, "127.0.0.1:8702", True),
        (HERE, "127.0.0.1", True),
        (HERE, "127.0.0.9:1", True),
        (HERE, "localhost:8702", True),
        (HERE, "LOCALHOST.", True),
        (HERE, "[::1]:8702", True),
        (HERE, "relay-1:8702", True),
        (HERE, "Relay-1.:8702", True),
        (HERE, "192.0.2.7:8702", False),
        (HERE, "evil.example", False),
        (HERE, "evil.example:8702", False),
        (HERE, "relay-1.evil.example", False),
        (HERE, "localhost.evil.example", False),
        (HERE, "127.0.0.1.evil.example", False),
        (HERE, "0177.0.0.1", False),
        (HERE, "2130706433", False),
        (HERE, "", False),
        (HERE, "[::1", True),
        (HERE, "localhost@evil.example", False),
        (HERE, "localhost, evil.example", False),
        (EVERYWHERE, "192.0.2.7:8702", True),
        (EVERYWHERE, "[2001:db8::7]:8702", True),
        (EVERYWHERE, "2001:db8::7", True),
        (EVERYWHERE, "evil.example", False),
        ("[::]:8702", "10.0.0.7:8702", True),
        ("192.0.2.7:8702", "192.0.2.7:8702", True),
        ("192.0.2.7:8702", "192.0.2.8:8702", False),
        (NAMED, "relay.internal", True),
        (NAMED, "RELAY.internal:8702", True),
        (NAMED, "internal", False),
    ],
)
def test_a_host_is_answered_if_it_is_ours(listen: str, header: str, allowed: bool) -> None:
    """The listening address, localhost, configured names; any address where we listen on all of them."""
    hosts = AllowedHosts.of(parse_listen(listen), ["relay-1"])
    assert hosts.allows(header) == allowed
