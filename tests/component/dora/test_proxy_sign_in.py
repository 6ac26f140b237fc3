"""Sign-in by a header: believed from a trusted proxy alone, and from nobody else."""

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests
from gitdailies_connection.addresses import parse_network
from gitdailies_connection.config.sections.sign_in import HeaderSettings, RoleSettings, SignInSettings
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_server.storage.database import Database

from tests.component.dora.test_pages_security import on_each
from tests.support.dora.running import Receiver, in_thread
from tests.support.dora.visitor import Visitor

WAYS = SignInSettings(
    header=HeaderSettings("X-Forwarded-User", "X-Forwarded-Groups", "X-Forwarded-Email"),
    roles=RoleSettings({"platform": "owner"}, {"larkspur.example": "member"}),
)


@pytest.fixture
def server(database: Callable[[], Database]) -> Iterator[Receiver]:
    with in_thread(database(), sign_in=WAYS, trusted_proxies=(parse_network("127.0.0.1"),)) as receiver:
        yield receiver


def as_person(receiver: Receiver, name: str, groups: str = "", email: str = "") -> Visitor:
    """A browser behind the proxy, which names the person with each request."""
    visitor = Visitor(receiver)
    named = {"X-Forwarded-User": name, "X-Forwarded-Groups": groups, "X-Forwarded-Email": email}
    given = {header: text for header, text in named.items() if text}
    visitor.session.headers.update({"accept": "text/html", **given})
    return visitor


def status(visitor: Visitor, path: str = "/settings/people") -> int:
    return visitor.get(path, headers={}, allow_redirects=False).status_code


@on_each
def test_a_trusted_proxy_names_the_person(kind: str, server: Receiver) -> None:
    """The person joins with the role of the groups, and has another role as soon as the groups change."""
    owner = as_person(server, "kim", "staff, platform")
    assert status(owner) == 200
    member = as_person(server, "vic", email="vic@Larkspur.example")
    assert (status(member), status(member, "/settings")) == (403, 200)
    member.session.headers["X-Forwarded-Groups"] = "platform"
    assert status(member) == 200
    page = owner.get("/settings/people", headers={}).text
    assert (page.count('scope="row">kim'), page.count('scope="row">vic')) == (1, 1)
    assert "Sign out" not in page, "the proxy would sign in again"


def test_who_gets_no_role(server: Receiver) -> None:
    """A person without a role sees why on every page, and gets no other one."""
    stranger = as_person(server, "eve", "visitors")
    page = stranger.get("/events", headers={})
    assert (page.status_code, "None of your groups" in page.text) == (403, True)
    assert status(stranger, "/sign-in") == 403


def test_a_removed_person_stays_out(server: Receiver) -> None:
    """Removing a person holds although the proxy still names them."""
    owner, other = as_person(server, "kim", "platform"), as_person(server, "sam", "platform")
    assert [status(owner), status(other)] == [200, 200]
    assert owner.post("/settings/people/2/remove").status_code == 303
    assert "took your access away" in other.get("/settings", headers={}).text


def test_forms_work_behind_the_proxy(server: Receiver) -> None:
    """A form needs its token there, too: the proxy adds its header to requests of other sites as well."""
    owner = as_person(server, "kim", "platform")
    assert owner.post("/settings/people/1/let-in", "/settings/people/1/remove").status_code == 303
    forged = owner.session.post(f"{server.url}/settings/people/1/let-in", data={"a": "b"}, timeout=10)
    assert forged.status_code == 403


def test_nobody_else_is_believed(database: Callable[[], Database]) -> None:
    """From an address that is no trusted proxy the header is not there, whatever else the request says."""
    with in_thread(database(), sign_in=WAYS, trusted_proxies=(parse_network("10.0.0.0/8"),)) as receiver:
        forger = as_person(receiver, "kim", "platform")
        forger.session.headers["X-Forwarded-For"] = "10.0.0.1"
        assert status(forger) == 303
        assert Visitor(receiver).join(invite_owner(receiver.store), "Kim").status_code == 303
        assert status(forger) == 303


def raw(receiver: Receiver, lines: str) -> bytes:
    """Ask for the page of people with these header lines as they are."""
    parts = urlsplit(receiver.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        asked = f"GET /settings/people HTTP/1.1\r\nHost: {parts.netloc}\r\n{lines}Connection: close\r\n\r\n"
        connection.sendall(asked.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_raw_request_of_an_untrusted_peer(database: Callable[[], Database]) -> None:
    """Neither case nor a second header gets a name past the check; it is looked at on the socket."""
    with in_thread(database(), sign_in=WAYS, trusted_proxies=(parse_network("192.0.2.1"),)) as receiver:
        for lines in (
            "x-forwarded-user: kim\r\nX-FORWARDED-USER: kim\r\nX-Forwarded-Groups: platform\r\n",
            "X-Forwarded-User: kim\r\nx-forwarded-groups: platform\r\nForwarded: for=192.0.2.1\r\n",
        ):
            answer = raw(receiver, lines)
            assert answer.startswith(b"HTTP/1.1 303")
            assert b"location: /sign-in" in answer.lower()


def test_a_header_that_comes_twice(server: Receiver) -> None:
    """If the proxy passes on a header of the client beside its own, neither is believed."""
    twice = "X-Forwarded-User: kim\r\nX-Forwarded-User: vic\r\nX-Forwarded-Groups: platform\r\n"
    answer = raw(server, twice)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"expected once" in answer


def test_the_api_takes_no_name(server: Receiver) -> None:
    """The header opens pages, and gives no permission at the API."""
    headers = {"X-Forwarded-User": "kim", "X-Forwarded-Groups": "platform"}
    assert requests.get(f"{server.url}/api/events", headers=headers, timeout=10).status_code == 401
