"""Relays that are away or answer wrongly: the page says what is wrong and what to do, and nothing crashes."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gitdailies_connection.relay import client

from tests.support.dora.running import in_thread
from tests.support.dora.visitor import Visitor, owner_of
from tests.support.dora.with_relay import KEY_FILE, STATUS_KEY, address_of
from tests.support.empty_stores import DORA
from tests.support.relay.reports import IDLE, plain
from tests.support.servers import Received, Server, answer, serving

JSON = {"Content_Type": "application/json"}
PATHS = ("/deliveries", "/deliveries/relay/d1", "/deliveries/refused", "/settings/services")
GB = 1024**3


def endless(connection: socket.socket, _: Received) -> None:
    """Announce a gigabyte and send it for as long as it is read."""
    connection.sendall(answer("200 OK", Content_Type="application/json").replace(b": 0", b": %d" % GB))
    for _part in range(GB // 65536):
        connection.sendall(b" " * 65536)


def slow(connection: socket.socket, _: Received) -> None:
    """Send a byte now and then."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n")
    for _byte in range(100):
        connection.sendall(b" ")
        time.sleep(0.05)


def wrong(value: object, status: str = "200 OK") -> bytes:
    return answer(status, json.dumps(value).encode(), **JSON)


Reply = bytes | Callable[[socket.socket, Received], bytes | None]
ANSWERS: dict[str, tuple[Reply, str]] = {
    "a web page": (answer("200 OK", b"<!doctype html>", Content_Type="text/html"), "a web page"),
    "a redirect": (answer("302 Found", Location="https://elsewhere.example/?key=1"), "a redirect to"),
    "another key": (answer("401 Unauthorized", b"{}", **JSON), "it refuses the key"),
    "the API off": (answer("403 Forbidden", b"{}", **JSON), "relay.status_key"),
    "another server": (answer("404 Not Found", b"nothing", Content_Type="text/plain"), "no such path"),
    "another name": (answer("421 Misdirected", b"{}", **JSON), "relay.status_hosts"),
    "a busy store": (wrong({"reason": "the disk is full"}, "503 Busy"), "the disk is full"),
    "no JSON": (answer("200 OK", b"{", **JSON), "not JSON"),
    "a number": (wrong(7), "not that of a relay"),
    "a list": (wrong([]), "not that of a relay"),
    "nothing in it": (wrong({"deliveries": 1, "refusals": 1}), "not that of a relay"),
    "wrong types": (wrong({"deliveries": [{"id": {}}], "refusals": [{}]}), "not that of a relay"),
    "wrong services": (wrong({"unmapped": [{}]}), "not that of a relay"),
    "a gigabyte": (endless, "larger than"),
    "slow": (slow, "did not come in time"),
    "cut": (lambda *_: None, "connection closed"),
}


@contextmanager
def pages_over(url: str, folder: Path) -> Iterator[Visitor]:
    """Serve pages that ask a relay at *url*, and visit them as an owner."""
    (folder / KEY_FILE).write_text(STATUS_KEY + "\n")
    DORA.put(folder / "dora.db")
    with in_thread(folder / "dora.db", relays=[address_of(url, folder)]) as receiver:
        yield owner_of(receiver)


def root(server: Server) -> str:
    return server.url.removesuffix("/webhooks")


def test_a_wrong_answer_is_a_page_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever answers, each page is there with the fault, and shows no key; forms say the fault, too."""
    monkeypatch.setattr(client, "READ_SECONDS", 0.2)
    monkeypatch.setattr(client, "ACT_SECONDS", 0.2)
    now: list[Reply] = []

    def reply(connection: socket.socket, request: Received) -> bytes | None:
        return now[0] if isinstance(now[0], bytes) else now[0](connection, request)

    with serving(reply) as server, pages_over(root(server), tmp_path) as visitor:
        for name, (wrong_reply, said) in ANSWERS.items():
            now[:] = [wrong_reply]
            for path in PATHS:
                page = visitor.get(path)
                assert page.status_code == 502, (name, path)
                assert said in page.text, (name, path)
                assert STATUS_KEY not in page.text
            for path in ("/deliveries/relay/d1/replay", "/deliveries/actions?action=replay&outcome=unmapped"):
                assert visitor.post(path, form="/events").status_code == 502, (name, path)
            assert visitor.get("/events").status_code == 200
        assert "elsewhere.example" not in str(server.requests)


def test_a_relay_that_is_away_is_named_with_its_last_answer(tmp_path: Path) -> None:
    """A relay that does not run is a page with its address and what to do; the other pages go on."""
    with pages_over("http://127.0.0.1:1", tmp_path) as visitor:
        page = visitor.get("/deliveries")
        assert page.status_code == 502
        assert "127.0.0.1:1: connection refused" in page.text
        assert "Start the relay" in page.text


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Where the file of the key is missing, the page names the setting, and no request is sent."""
    with serving() as server, pages_over(root(server), tmp_path) as visitor:
        (tmp_path / KEY_FILE).unlink()
        assert "dora.relay.key" in visitor.get("/deliveries").text
        assert server.requests == []


def test_without_a_relay_the_page_says_how_to_connect_one(owner: Visitor) -> None:
    """Without a relay the pages are there, and show the two lines that connect one."""
    page = owner.get("/deliveries")
    assert page.status_code == 200
    assert "status_key: {file: relay-status-key}" in page.text
    assert "relay: {url:" in page.text
    assert [owner.get(path).status_code for path in PATHS] == [200, 404, 200, 200]
    assert owner.post("/deliveries/relay/d1/replay", form="/events").status_code == 404


def test_several_relays_are_told_apart(tmp_path: Path) -> None:
    """Each relay has its own list behind a link, and one that is away leaves the others as they are."""
    page = {"deliveries": [], "refusals": [], "next": None, "lookedBackTo": None}

    def nothing(_: socket.socket, request: Received) -> bytes:
        """Answer as a relay that received nothing."""
        return wrong(plain(IDLE) if " /status " in request.line else page)

    (tmp_path / KEY_FILE).write_text(STATUS_KEY + "\n")
    DORA.put(tmp_path / "dora.db")
    with serving(nothing) as server:
        relays = [address_of(root(server), tmp_path, "eu"), address_of("http://127.0.0.1:1", tmp_path, "us")]
        with in_thread(tmp_path / "dora.db", relays=relays) as receiver:
            visitor = owner_of(receiver)
            first = visitor.get("/deliveries")
            assert (first.status_code, "No deliveries yet" in first.text) == (200, True)
            assert 'href="/deliveries?relay=us"' in first.text
            assert visitor.get("/deliveries?relay=us").status_code == 502
            assert visitor.get("/deliveries?relay=asia").status_code == 200
            assert visitor.get("/deliveries/refused?relay=eu").status_code == 200
