"""Addresses: https off the machine, no secrets in them, and never a metadata service."""

import re
from pathlib import Path

import pytest
from gitdailies_connection.addresses import (
    Listen,
    check_proxy,
    check_receiver,
    forbidden_reason,
    origin,
    parse_listen,
    parse_network,
)
from gitdailies_connection.config.sections.settings import StoreSetting


@pytest.mark.parametrize(
    "url",
    [
        "https://app.gitdailies.example/webhooks",
        "https://10.0.0.7:8443/webhooks",
        "http://127.0.0.1:8700/webhooks",
        "http://127.8.9.1/",
        "http://localhost:8700/webhooks",
        "http://gitdailies.localhost/webhooks",
        "http://[::1]:8700/webhooks",
    ],
)
def test_taken(url: str) -> None:
    """https is taken anywhere, http on this machine."""
    assert check_receiver(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7/webhooks",
        "http://localhost.example/webhooks",
        "http://127.0.0.1.example/webhooks",
        "ftp://app.gitdailies.example/",
        "file:///etc/passwd",
        "app.gitdailies.example/webhooks",
        "https://",
        "https:///webhooks",
        "https://host:0/",
        "https://host:99999/",
        "https://[::1/",
        "https://user@host/",
        "https://user:password@host/",
        "https://host/?key=1",
        "https://host/#key",
        "https://host/a b",
        "https://host\\@evil/",
        "https://host/\n",
    ],
)
def test_refused(url: str) -> None:
    """A text that is no address, is unsafe, or has room for a secret is refused and not repeated."""
    with pytest.raises(ValueError, match=r"^expected .*, got ") as caught:
        check_receiver(url)

    assert "password" not in str(caught.value).replace("user and password", "")
    assert "key=1" not in str(caught.value)


def test_http_by_choice() -> None:
    """allow_http permits http to another machine."""
    assert check_receiver("http://10.0.0.7/webhooks", allow_http=True) == "http://10.0.0.7/webhooks"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "metadata.google.internal",
        "METADATA.google.internal.",
    ],
)
def test_metadata(host: str) -> None:
    """Link-local addresses and metadata services are recognized in every form that reaches them."""
    assert forbidden_reason(host) != ""


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::", "10.0.0.1", "192.168.1.1", "fd12::1", "example.com", ""]
)
def test_not_metadata(host: str) -> None:
    """Private and loopback addresses are an operator's own and stay allowed."""
    assert forbidden_reason(host) == ""


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8701", "127.0.0.1", 8701),
        ("[::1]:0", "::1", 0),
        ("relay.internal:65535", "relay.internal", 65535),
    ],
)
def test_listen(text: str, host: str, port: int) -> None:
    """HOST:PORT is read, and written again as it was."""
    assert parse_listen(text) == Listen(host, port)
    assert str(parse_listen(text)) == text


@pytest.mark.parametrize(
    "text", ["8701", ":8701", "::1:8701", "[::1]", "[fe80]:1", "h:65536", "h:-1", "h:1\n", "a b:1"]
)
def test_not_listen(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        parse_listen(text)


def test_proxy() -> None:
    """A proxy may be on any machine; its address has no user and password."""
    assert check_proxy("http://proxy.internal:3128") == "http://proxy.internal:3128"
    with pytest.raises(ValueError, match="without user and password, got one with them"):
        check_proxy("http://user:secret@proxy.internal:3128")


def test_origin() -> None:
    """The origin has the host and port, without the path."""
    assert origin("http://[::1]:8700/webhooks/a") == "http://[::1]:8700"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sqlite:relay.db", "sqlite:/folder/relay.db"),
        ("sqlite:/var/lib/relay.db", "sqlite:/var/lib/relay.db"),
        ("postgresql://u:planted@db:5432/relay", "postgresql://db:5432/relay"),
        ("postgresql:///relay?host=/run/postgresql", "postgresql://%2Frun%2Fpostgresql/relay"),
        (
            "postgresql://u:planted@db1:5432,db2:5433/relay?target_session_attrs=read-write",
            "postgresql://db1:5432,db2:5433/relay",
        ),
        ("postgresql://u@a,b/relay", "postgresql://a,b/relay"),
        ("postgresql://u@/relay?host=a,::1&port=1,2&password=planted", "postgresql://a:1,[::1]:2/relay"),
        ("postgresql://u@a,b:6432/relay", "postgresql://a,b:6432/relay"),
        ("postgresql:///?service=relay", "postgresql:///?service=relay"),
        ("postgres://u:pl%2Fanted@db/relay?sslmode=require", "postgresql://db/relay"),
    ],
)
def test_store(text: str, shown: str) -> None:
    """A store is shown without password, and its file is relative to the folder given."""
    store = StoreSetting.parse(text, Path("/folder"))

    assert str(store) == shown
    assert "planted" not in repr(store)
    assert store.has_password == ("anted" in text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("postgresql://h", "no name of a database"),
        ("postgresql://h/d?sslmod=require", "the unknown parameter sslmod"),
        ("postgresql://h:70000/d", "expected ports from 1 to 65535"),
        ("postgresql://u:planted/1@h/d", "without / and @, got others; write %2F and %40"),
        ("postgresql://u:1/planted@h/d", "without / and @"),
        ("postgresql://u:1@planted@h/d", "without / and @"),
        ("postgresql://u:%zplanted@h/d", "invalid percent-encoded token"),
        ("postgresql://[::1/planted", 'looking for matching "]" in IPv6 host address'),
        ("postgresql://u:x@h/d?planted", "missing key/value separator"),
    ],
)
def test_a_wrong_address_of_postgresql(text: str, fault: str) -> None:
    """The error says what is wrong, and repeats nothing that may be part of a password."""
    with pytest.raises(ValueError, match=re.escape(fault)) as caught:
        StoreSetting.parse(text, Path("/folder"))
    assert "planted" not in str(caught.value)
    assert "sqlite" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "sqlite:", "sqlite:///a.db", "sqlite::memory:", "sqlite:./", "mysql://h/d"]
)
def test_not_a_store(text: str) -> None:
    """Other databases, none, and forms whose file would not be where one thinks are refused."""
    with pytest.raises(ValueError, match="expected sqlite:PATH or postgresql://HOST/DATABASE"):
        StoreSetting.parse(text, Path("/folder"))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("127.0.0.1", "127.0.0.1/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("::1", "::1/128"),
        ("FD00::/8", "fd00::/8"),
    ],
)
def test_networks(text: str, written: str) -> None:
    """A single address is a network of one."""
    assert str(parse_network(text)) == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.1.0.0/8", "expected a network, got an address inside it; did you mean 10.0.0.0/8"),
        (
            "proxy.internal",
            "expected an address or a network like 10.0.0.0/8 or fd00::/8, got something else",
        ),
        ("10.0.0.0/33", "expected an address or a network like 10.0.0.0/8 or fd00::/8, got something else"),
    ],
)
def test_no_networks(text: str, reason: str) -> None:
    """A name, an invalid mask and bits after the mask are refused."""
    with pytest.raises(ValueError, match=re.escape(reason)):
        parse_network(text)
