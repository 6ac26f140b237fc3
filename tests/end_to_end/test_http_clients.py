"""HTTP clients in use, each as its own program: a relay and a DORA server answer what each of them sends.

`tests/support/http_clients` has the programs. Each makes the same calls, in order, with one session.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gitdailies_server.http.connection import Connection
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.dora import running as dora
from tests.support.dora.payloads import body
from tests.support.programs import program
from tests.support.relay import running as relay
from tests.support.relay.deliveries import pagerduty

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
PROGRAMS = "tests/support/http_clients/"
CLIENTS: dict[str, Callable[[], list[str]]] = {
    **{
        name: partial(list, [sys.executable, "-m", f"tests.support.http_clients.with_{name}"])
        for name in ("requests", "httpx", "aiohttp")
    },
    "curl": lambda: ["sh", PROGRAMS + "with_curl.sh"],
    "curl --http2": lambda: ["sh", PROGRAMS + "with_curl.sh"],
    "undici": lambda: [program("node"), PROGRAMS + "with_undici.mjs"],
    "Go": lambda: [program("go"), "run", PROGRAMS + "with_go.go"],
    "Java": lambda: [program("java"), PROGRAMS + "WithJava.java"],
    "Ruby": lambda: [program("ruby"), PROGRAMS + "with_ruby.rb"],
    "PHP": lambda: [program("php"), PROGRAMS + "with_php.php"],
}
# Each opens one connection to each server, and another one after each refusal within a body.
CONNECTIONS = 2 + 4


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """Run both servers; give the file of the calls and the statuses to expect."""
    folder = tmp_path_factory.mktemp("servers")
    delivery = pagerduty("incident.triggered", "Q1")
    (folder / "delivery").write_bytes(delivery.body)
    (folder / "event").write_text(json.dumps(body("deploy")))
    (folder / "large").write_bytes(b" " * 10_000_000)
    with (
        relay.in_thread(relay.configure(folder)) as intake,
        dora.in_thread(SqliteDatabase(folder / "dora.db")) as receiver,
    ):
        hook, proof = (
            f"{intake.url}/hooks/pagerduty",
            [f"{name}: {text}" for name, text in delivery.headers.items()],
        )
        key, webhooks = [f"webhook-key: {receiver.key('ci')}"], f"{receiver.url}/webhooks"
        key.append("Content-Type: application/json")
        lines, expected = [], []
        for file, status in (("delivery", "202"), ("event", "202"), ("large", "413")):
            for mode in ("length", "chunked"):
                for url, fields in ((hook, proof), (webhooks, key)):
                    if file == "large" or (file == "delivery") == (url == hook):
                        lines.append("\t".join((url, mode, str(folder / file), *fields)))
                        expected.append(status)
        # On the connections that are kept.
        lines[4:4], expected[4:4] = [lines[0], lines[2]], ["202", "202"]
        (folder / "calls").write_text("\n".join(lines) + "\n")
        yield folder / "calls", expected


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_answered(
    client: str, calls: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a length, in chunks, on a connection that is kept, and with 413 where the body is too large."""
    opened = []
    made = Connection.connection_made

    def counted(connection: Connection, transport: Any) -> None:
        opened.append(transport)
        made(connection, transport)

    monkeypatch.setattr(Connection, "connection_made", counted)
    file, expected = calls
    command = [*CLIENTS[client](), str(file), *client.split()[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert (done.stdout.split("\n")[:-1], done.stderr) == (expected, "")
    assert len(opened) <= CONNECTIONS
