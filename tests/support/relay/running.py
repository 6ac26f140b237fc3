"""A relay that listens: in a thread of the test, where its parts can be replaced."""

import asyncio
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import requests
import structlog
from gitdailies_connection.config.load import load
from gitdailies_relay import server
from gitdailies_relay.store import store
from gitdailies_server.storage.database import Database
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.empty_stores import RELAY
from tests.support.processes import eventually, run
from tests.support.relay import reports
from tests.support.relay.deliveries import SECRETS

TEMPLATE = Path(__file__).parent / "data" / "gitdailies.yml"
DEFAULTS = {
    "receiver": "ours",
    "timeout": "2",
    "store": "sqlite:relay.db",
    "give_up_days": "7",
    "queue_bytes": "67108864",
    # Longer than any attempt of a test may take.
    "lease_seconds": "600",
    "connections": "512",
    "trusted_proxies": "[]",
}
KEY_FILE = "webhook-key"
NOBODY = "http://127.0.0.1:1/webhooks"


def configure(folder: Path, *, url: str = NOBODY, key: str = "gdk_some_key", **settings: str) -> Path:
    """Write a gitdailies.yml, its key and its secrets; return the file."""
    for name, text in {**SECRETS, KEY_FILE: key}.items():
        path = folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
    if settings.get("store", DEFAULTS["store"]) == DEFAULTS["store"]:
        RELAY.put(folder / "relay.db")
    file = folder / "gitdailies.yml"
    file.write_text(Template(TEMPLATE.read_text()).substitute({**DEFAULTS, **settings, "url": url}))
    return file


def add_source(file: Path, name: str, token: str, settings: str) -> None:
    """Add a source with a token to a gitdailies.yml."""
    secret = file.parent / f"{name}-token"
    secret.write_text(token)
    secret.chmod(0o600)
    source = f"secrets: [{{file: {secret.name}}}], {settings}"
    file.write_text(f"{file.read_text()}  {name}: {{{source}}}\n")


@dataclass
class Relay:
    """A running relay, its gitdailies.yml, and what it logged so far."""

    file: Path
    url: str
    status_url: str
    database: Database
    log: list[MutableMapping[str, Any]]
    loop: asyncio.AbstractEventLoop
    reloading: asyncio.Event

    @property
    def store(self) -> Path:
        """The file of an SQLite store."""
        assert isinstance(self.database, SqliteDatabase)
        return self.database.path

    def reload(self) -> None:
        self.loop.call_soon_threadsafe(self.reloading.set)

    def edit(self, old: str, new: str) -> None:
        """Change the file, and have the relay read it."""
        text, before = self.file.read_text(), len(self.logged("configuration reloaded"))
        assert old in text
        self.file.write_text(text.replace(old, new, 1))
        self.reload()
        eventually(lambda: len(self.logged("configuration reloaded")) > before)

    def command(self, verb: str, *arguments: str, expected: int = 0) -> str:
        """Run a verb of `gitdailies relay` with the file; return its output."""
        words = ("relay", verb, *arguments, "--config", self.file.name)
        done = run(*words, folder=self.file.parent, expected=expected)
        return done.stderr if expected else done.stdout

    def logged(self, event: str) -> list[MutableMapping[str, Any]]:
        return [entry for entry in self.log if entry["event"] == event]

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = requests.get(f"{self.status_url}/status", timeout=10).json()
        return status

    def failed(self) -> dict[str, Any]:
        with store.reading(self.database) as connection:
            return reports.failed(connection)

    def explain(self, incident: str) -> dict[str, Any]:
        with store.reading(self.database) as connection:
            return reports.explain(connection, incident)


@contextmanager
def in_thread(file: Path, *, writes_services: bool = False) -> Iterator[Relay]:
    """Serve what *file* says until the block ends."""
    configuration = load(file)
    addresses: list[str] = []
    ready, faults = threading.Event(), []
    inside: dict[str, Any] = {}

    async def run() -> None:
        inside.update(loop=asyncio.get_running_loop(), stop=asyncio.Event(), reloading=asyncio.Event())

        def on_address(address: str) -> None:
            addresses.append(address)
            ready.set()

        relay = server.RelayProcess(configuration, {}, lambda: load(file), writes_services=writes_services)
        await relay.run(ready=on_address, stop=inside["stop"], reloading=inside["reloading"])

    def body() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            faults.append(error)
        ready.set()

    with structlog.testing.capture_logs() as log:
        thread = threading.Thread(target=body)
        thread.start()
        ready.wait(60)
        if not addresses:
            thread.join()
            raise faults[0]
        started = next(entry for entry in log if entry["event"] == "relay started")
        try:
            yield Relay(
                file,
                addresses[0],
                f"http://{started['status']}",
                store.database_of(configuration.relay.store),
                log,
                inside["loop"],
                inside["reloading"],
            )
        finally:
            inside["loop"].call_soon_threadsafe(inside["stop"].set)
            thread.join(60)
            assert not thread.is_alive(), "the relay did not stop"
            assert not faults, faults
