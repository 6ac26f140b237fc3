"""How the first owner, or a person who lost a password, gets in: by a link that only the terminal shows."""

import asyncio
import re
from functools import partial
from pathlib import Path

import pytest
import requests
from gitdailies_connection.addresses import Listen
from gitdailies_dora.events import store
from gitdailies_dora.server import serve

from tests.support.databases import KINDS
from tests.support.dora.running import Receiver
from tests.support.dora.visitor import Visitor
from tests.support.machine import Process, command
from tests.support.servers import free_port

LINK = re.compile(r"first owner: open (http://127\.0\.0\.1:\d+/join/[\w-]{43})\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_owner_gets_in_by_the_link_that_is_printed(kind: str, address: str, tmp_path: Path) -> None:
    """The link leads to the first page and is in no log. Once there is an owner, no link is printed."""
    options = ("dora", "--store", address, "--listen", f"127.0.0.1:{free_port()}")
    first = Process(tmp_path, *options, name="first")
    printed = first.wait_for("listens on")
    link = LINK.search(printed)[1]
    origin, _, token = link.partition("/join/")
    owner = Visitor(Receiver(origin, tmp_path))
    assert owner.join(f"/join/{token}", "Kim").status_code == 303
    assert owner.get("/").url.endswith("/connect")
    assert requests.get(link, timeout=10).status_code == 410
    first.stop()
    assert link.rpartition("/")[2] not in first.err.read_text()

    second = Process(tmp_path, *options, name="second")
    assert "first owner" not in second.wait_for("listens on")
    again = command("dora", "--store", address, "--listen", options[-1], "--invite-owner", cwd=tmp_path)
    assert requests.get(again.stdout.strip(), timeout=10).status_code == 200
    second.stop()


def test_a_start_waits_for_a_slow_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes longer than a sender would wait does not end the start: the link is made."""
    monkeypatch.setattr(store, "ANSWER_SECONDS", 0.0)
    links, stop = list[str](), asyncio.Event()
    start = partial(serve, listen=Listen("127.0.0.1", 0), store=tmp_path / "dora.db", strict_order=False)
    asyncio.run(start(ready=lambda _: stop.set(), stop=stop, first_owner=links.append))
    assert len(links) == 1


def test_up_prints_it_too(tmp_path: Path) -> None:
    """`gitdailies up` shows the link of the first owner as well."""
    process = Process(tmp_path, "up", "--dora-port", free_port(), "--relay-port", free_port())
    assert LINK.search(process.wait_for(" events\n"))
    process.stop()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("dora.example.com", "expected an http or https address"),
        ("https://dora.example.com/x", "give the server a host name of its own"),
        ("https://kim:pw@dora.example.com", "without user and password"),
    ],
)
def test_a_public_address_that_is_none(url: str, message: str, tmp_path: Path) -> None:
    """A wrong --public-url is refused before anything is made, and is not repeated."""
    result = command("dora", "--store", "sqlite:w.db", "--public-url", url, cwd=tmp_path)
    assert (result.returncode, list(tmp_path.iterdir())) == (2, [])
    assert f"--public-url: {message}" in result.stderr or message in result.stderr
    assert "pw" not in result.stderr.replace("password", "")
