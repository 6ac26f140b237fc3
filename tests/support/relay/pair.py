"""The DORA server and a relay before it, each a process of the command line."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from gitdailies_connection.config.load import load
from gitdailies_dora.accounts.keys.key_store import create_key
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Database

from tests.support.empty_stores import DORA
from tests.support.processes import Server, eventually, run, start
from tests.support.relay import reports
from tests.support.relay.deliveries import Delivery
from tests.support.relay.running import KEY_FILE, configure
from tests.support.servers import free_port

CONFIG = "gitdailies.yml"


@dataclass
class Pair:
    """Both servers in one folder; either may be ended and started again."""

    folder: Path
    port: int
    reading: str
    relay: Server
    dora: Server

    def start_dora(self) -> None:
        self.dora = _dora(self.folder, self.port)

    def start_relay(self) -> None:
        self.relay = _relay(self.folder)

    def post(self, delivery: Delivery, expected: int = 202) -> dict[str, Any]:
        answer = delivery.post(self.relay.address)
        assert answer.status_code == expected, answer.text
        reply: dict[str, Any] = answer.json()
        return reply

    def command(self, *arguments: str, expected: int = 0) -> str:
        """Run a verb of `gitdailies relay` while the server runs, and return its output."""
        verb, *rest = arguments
        done = run("relay", verb, *rest, "--config", CONFIG, folder=self.folder, expected=expected)
        return done.stdout if not expected else done.stderr

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        """Run any command with the configuration of the relay."""
        run(*arguments, "--config", CONFIG, folder=self.folder, environ=environ)

    def figures(self, repo: str) -> dict[str, Any]:
        """Return the figures of a repository, of the last days."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/metrics",
            headers={"webhook-key": self.reading},
            params={"repo": repo},
            timeout=60,
        )
        found: dict[str, Any] = answer.json()["figures"]
        return found

    def ask(self, *arguments: str) -> dict[str, Any]:
        printed: dict[str, Any] = json.loads(self.command(*arguments, "--json"))
        return printed

    @property
    def database(self) -> Database:
        return store.database_of(load(self.folder / CONFIG).relay.store)

    def status(self) -> dict[str, Any]:
        with store.reading(self.database) as session:
            return reports.status(session)

    def everything(self) -> list[dict[str, Any]]:
        """Return all events of the DORA server, oldest received first."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/events",
            headers={"webhook-key": self.reading},
            params={"limit": "1000000"},
            timeout=60,
        )
        found: list[dict[str, Any]] = answer.json()["events"]
        return found

    def events(self, *incidents: str) -> list[dict[str, Any]]:
        """Return the events of some incidents, once the relay has nothing left to deliver."""
        eventually(lambda: self.status()["waiting"] == 0)
        return [event for event in self.everything() if event["incidentId"] in incidents]

    def new_key(self, name: str) -> str:
        return create_key(self.folder / "dora.db", name)[0].reveal()

    def write_key(self, key: str) -> None:
        (self.folder / KEY_FILE).write_text(key + "\n")


def _dora(folder: Path, port: int) -> Server:
    store = f"sqlite:{folder / 'dora.db'}"
    return start("dora", "--listen", f"127.0.0.1:{port}", "--store", store, folder=folder)


def _relay(folder: Path) -> Server:
    return start("relay", "--config", CONFIG, folder=folder)


@contextmanager
def running_pair(folder: Path, **settings: str) -> Iterator[Pair]:
    port = free_port()
    DORA.put(folder / "dora.db")
    reading, _ = create_key(folder / "dora.db", "reader", ["read"])
    sending, _ = create_key(folder / "dora.db", "relay")
    configure(folder, url=f"http://127.0.0.1:{port}/webhooks", key=sending.reveal(), **settings)
    servers = []
    try:
        servers.append(_dora(folder, port))
        servers.append(_relay(folder))
        pair = Pair(folder, port, reading.reveal(), servers[1], servers[0])
        yield pair
        servers = [pair.relay, pair.dora]
        assert pair.relay.process.poll() is not None or pair.relay.terminate() == 0
    finally:
        for server in servers:
            server.kill()
