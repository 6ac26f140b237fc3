"""How the receiver starts, shares its process, and stops."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from gitdailies_connection.addresses import Listen
from gitdailies_core.errors import ConfigurationError
from gitdailies_dora.accounts.keys.key_store import create_key, delete_key
from gitdailies_dora.server import serve
from gitdailies_dora.sql.database import StoreLocation
from gitdailies_server.http import listener
from gitdailies_server.storage.database import Database

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread
from tests.support.relay.sockets import connected, head


def never(_: str) -> None:
    raise AssertionError("it said that it listens")


async def served(listen: Listen, store: StoreLocation, **more: Any) -> None:
    given = {"ready": never, "stop": asyncio.Event(), **more}
    await serve(listen=listen, store=store, strict_order=False, **given)


def test_a_taken_port_names_the_flag_to_change(tmp_path: Path) -> None:
    """If another program listens there, the error names the address, the reason and the flag."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as refused:
            asyncio.run(served(Listen("127.0.0.1", port), tmp_path / "w.db", flag="--dora-port"))
    said = f"127.0.0.1:{port}: cannot listen there: address already in use; change --dora-port"
    assert str(refused.value) == said
    assert not (tmp_path / "w.db").exists()


def test_an_address_that_is_not_here(tmp_path: Path) -> None:
    """An address of another machine is refused in the same words."""
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1:8700: cannot listen there"):
        asyncio.run(served(Listen("192.0.2.1", 8700), tmp_path / "w.db"))


def test_ipv6_addresses_are_written_so_that_they_can_be_opened(tmp_path: Path) -> None:
    """On ::1 the address that is announced has brackets and answers."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    addresses: list[str] = []

    async def once() -> int:
        stop = asyncio.Event()
        task = asyncio.create_task(
            served(Listen("::1", 0), tmp_path / "w.db", ready=addresses.append, stop=stop)
        )
        await _until(lambda: addresses or task.done())
        answer = await asyncio.to_thread(requests.get, f"{addresses[0]}/healthz", timeout=30)
        stop.set()
        await task
        return answer.status_code

    assert asyncio.run(once()) == 200
    assert addresses[0].startswith("http://[::1]:")


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    """A request whose body is still coming in when the server stops is taken and answered."""
    key = create_key(tmp_path / "w.db", "ci")[0].reveal()
    raw = json.dumps(body("deploy")).encode()
    begun = head("/webhooks", {"webhook-key": key, "Content-Length": str(len(raw))}) + raw[:10]
    with ExitStack() as opened, ThreadPoolExecutor() as others:
        with in_thread(tmp_path / "w.db") as receiver:
            connection = opened.enter_context(connected(receiver.url))
            connection.sendall(begun)
            time.sleep(0.2)

            def rest() -> bytes:
                time.sleep(0.5)
                connection.sendall(raw[10:])
                return connection.recv(1000)

            answer = others.submit(rest)
        assert answer.result().startswith(b"HTTP/1.1 202 ")


def test_a_sender_that_hangs_does_not_hold_the_end_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends within 10 seconds, even if a request never ends."""
    spared = listener.STOP_SECONDS - 0.2
    monkeypatch.setattr(listener, "STOP_SECONDS", 0.2)
    with ExitStack() as opened:
        with in_thread(tmp_path / "w.db") as receiver:
            connection = opened.enter_context(connected(receiver.url))
            given = {"webhook-key": receiver.key("ci"), "Content-Length": "99"}
            connection.sendall(head("/webhooks", given) + b"{")
            time.sleep(0.2)
            began = time.monotonic()
        assert time.monotonic() - began + spared < 10


def test_log_lines_are_json_objects(tmp_path: Path, log_lines: pytest.CaptureFixture[str]) -> None:
    """Every line on stderr is one JSON object in ASCII, whatever was sent."""
    with in_thread(tmp_path / "w.db") as receiver:
        key = receiver.key("ci", "send", "delete")
        receiver.post(key, body("deploy", kind="\x1b[31mred\r\n{}"))
        receiver.post(key, body("deploy", id="é\u2028"))
        receiver.delete(key, "%1b[2J%e2%80%a8")
        with connected(receiver.url) as raw:
            raw.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            raw.recv(100)
    lines = log_lines.readouterr().err.splitlines()
    read = [json.loads(line) for line in lines]
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert {"receiver started", "received", "refused", "receiver stopped"} <= {line["event"] for line in read}
    assert any(line["level"] == "warning" for line in read), "the web server's own warning is missing"


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  a plain callback reports the awaited state
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_servers_on_one_database(kind: str, database: Callable[[], Database]) -> None:
    """The other server lists and recognizes an event, and a key deleted at one is refused by both."""
    with in_thread(database()) as one, in_thread(database()) as other:
        key, reader = one.key("ci"), one.key("dash", "read")
        assert one.post(key, body("deploy")).json()["status"] == "created"
        assert other.post(key, body("deploy")).json()["status"] == "unchanged"
        assert [event["id"] for event in other.events(reader)] == ["deploy-1"]
        delete_key(database(), "ci")
        assert [server.post(key, body("deploy")).status_code for server in (one, other)] == [401, 401]
