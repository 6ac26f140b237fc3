"""The cases of the intake benchmark: the servers of each, and how to read what they stored."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TextIO
from urllib.parse import urlsplit, urlunsplit

import deliveries
import psycopg
from intake_server import BARE, DURABLE, IMMEDIATE, SINGLE

CHECKOUT = Path(__file__).parents[1]
SQLITE = "sqlite:relay.db"
POSTGRESQL = os.environ.get("GITDAILIES_TEST_POSTGRESQL", "postgresql://127.0.0.1:5432/test")
PEER = "peer"
_CONFIGURATION = """\
gitdailies: {url: "http://127.0.0.1:9/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}
relay: {listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "%s"}
services:
  %s: {repo: larkspur/checkout-api, environment: production}
sources:
  pagerduty: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}]}
"""


@dataclass(frozen=True)
class Case:
    """One row of the table; `kind` is the part that is replaced, `stored` the number of waiting events.

    The deliveries are starts of incidents, or the `ends` of those that wait.
    """

    letter: str
    about: str
    kind: str = DURABLE
    postgresql: bool = False
    servers: int = 1
    stored: int = 0
    ends: bool = False

    @property
    def keeps(self) -> bool:
        """Whether answered deliveries must be in the store."""
        return self.kind in (DURABLE, SINGLE, PEER)


CASES = (
    Case("a", "as it is: SQLite, synced before the answer"),
    Case("b", "store replaced by an immediate callback", IMMEDIATE),
    Case("c", "one commit an event", SINGLE),
    Case("d", "the HTTP server alone: a body is read, 202 answered", BARE),
    Case("e", "a durable peer: Flask under gunicorn, HMAC, append and sync", PEER),
    Case("f", "as it is, on PostgreSQL", postgresql=True),
    Case("g", "two relays on one PostgreSQL, a core each", postgresql=True, servers=2),
    Case("h", "as it is, a million events undelivered", stored=1_000_000),
    Case("i", "as it is, the ends of a million incidents", stored=1_000_000, ends=True),
)


@dataclass(frozen=True)
class Started:
    """A running server: its address and its core."""

    process: subprocess.Popen[str]
    address: tuple[str, int]
    core: int


@contextmanager
def store(case: Case, name: str = "gitdailies_benchmark") -> Iterator[str]:
    """Yield the address of an empty store; *name* is the name of a PostgreSQL database."""
    if not case.postgresql:
        yield SQLITE
        return
    with psycopg.connect(POSTGRESQL, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def start(
    case: Case,
    folder: Path,
    address: str,
    core: int,
    log: TextIO,
    checkout: Path = CHECKOUT,
    *,
    configuration: str = "",
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Started:
    """Start one server of *case* from *checkout* on *core*; raises SystemExit with its output on failure.

    *configuration* is another gitdailies.yml, with the *secrets* that it names.
    """
    (folder / "gitdailies.yml").write_text(configuration or _CONFIGURATION % (address, deliveries.SERVICE))
    environ = {
        **os.environ,
        "PAGERDUTY_SECRET": deliveries.SECRET,
        "GITDAILIES_WEBHOOK_KEY": "benchmark",
        **secrets,
        "PEER_FILE": str(folder / "peer.log"),
        "PYTHONPATH": os.pathsep.join(sorted({str(p.parent) for p in checkout.glob("*/gitdailies_*/")})),
    }
    here = checkout / "benchmarks"
    if case.kind == PEER:
        command = [
            *(
                "taskset",
                "-c",
                str(core),
                sys.executable,
                "-m",
                "gunicorn",
                "peer:app",
                "--preload",
                "--chdir",
                str(here),
            ),
            *("--bind", "127.0.0.1:0", "--worker-class", "gthread", "--threads", "32", "--keep-alive", "60"),
        ]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ
        )
        marker = "Listening at: http://"
    else:
        script = [sys.executable, str(here / "intake_server.py"), str(folder / "gitdailies.yml")]
        command = [*script, "--case", case.kind, "--core", str(core), "--stored", str(case.stored)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
        marker = "http://"
    assert process.stdout is not None
    for line in process.stdout:
        if marker in line:
            host, _, port = line.partition(marker)[2].split()[0].rpartition(":")
            return Started(process, (host, int(port)), core)
    raise SystemExit((folder / "relay.log").read_text())


def found(case: Case, folder: Path, address: str) -> set[str]:
    """Return the stored incidents; raises SystemExit if the file is corrupt."""
    if case.kind == PEER:
        lines = (folder / "peer.log").read_bytes().splitlines()
        return {line.split(b" ", 1)[0].decode() for line in lines}
    if case.postgresql:
        with psycopg.connect(address) as session:
            return {row[0] for row in session.execute("SELECT incident FROM gitdailies_relay.events")}
    connection = sqlite3.connect(folder / "relay.db")
    stored = {
        incident
        for (incident,) in connection.execute("SELECT incident FROM events WHERE seq > ?", (case.stored,))
    }
    sound = connection.execute("PRAGMA quick_check").fetchone()[0]
    connection.close()
    if sound != "ok":
        raise SystemExit(f"relay.db: the file is corrupt: {sound}")
    return stored
