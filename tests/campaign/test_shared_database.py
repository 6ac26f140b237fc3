"""Two relays and two DORA servers on one PostgreSQL: behind a pooler, or with few connections.

GITDAILIES_SHARED_DELIVERIES says how many deliveries the long form sends.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import requests

from tests.campaign.cluster import Cluster, cluster
from tests.support.dora.payloads import body
from tests.support.forms import short_and_long
from tests.support.pgbouncer import pooled
from tests.support.processes import Server, eventually, run, running
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure

READERS, CONNECTIONS = 24, 4
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
# In the long form the store becomes large, so that processes answer the questions.
PAST_EACH = 4
POOLERS = ("transaction", pytest.param("session", marks=pytest.mark.long))
# The answers that a reader may get if the servers are asked for too much at once, and their words.
BUSY = {200, 503}
SAID = ("too many questions at once", "every connection to the database is in use")


@dataclass
class Shared:
    """Both servers, twice, and what their readers and commands saw."""

    folder: Path
    store: str
    key: str
    relays: list[Server]
    doras: list[Server]
    answers: Counter[str] = field(default_factory=Counter)
    refusals: set[str] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)

    def command(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, since others run at the same time."""
        command, environ = (sys.executable, "-m", "gitdailies_cli"), {**os.environ, **environ}
        return subprocess.run(
            [*command, *arguments], cwd=self.folder, env=environ, capture_output=True, text=True, timeout=120
        )

    def read(self, number: int) -> None:
        """Ask a DORA server for figures or events, again and again."""
        path = ("/api/metrics", "/api/events?limit=10")[number // 2 % 2]
        with requests.Session() as session:
            while not self.stop.is_set():
                url, headers = self.doras[number % 2].address + path, {"webhook-key": self.key}
                answer = session.get(url, headers=headers, timeout=60)
                self.answers[f"reader {answer.status_code}"] += 1
                if answer.status_code not in BUSY:
                    self.refusals.add(answer.text)
                elif answer.status_code == 503:
                    assert "Retry-After" in answer.headers
                    self.refusals.add(answer.json()["detail"])

    def run_commands(self) -> None:
        """Run commands of both servers, which open connections of their own."""
        for number in itertools.count():
            if self.stop.is_set():
                return
            make = ("keys", "create", f"key-{number}", "--store", self.store)
            for words in (("relay", "status", "--json"), make):
                done = self.command(*words)
                self.answers[f"{words[0]} {done.returncode}"] += 1
                if done.returncode:
                    self.refusals.add(done.stderr)

    def deliver(self, number: int) -> list[str]:
        """Deliver the start of an incident until it is accepted; return the ids of its events."""
        delivery = pagerduty("incident.triggered", f"P{number}", event=f"01SHARED{number}")
        while True:
            answer = delivery.post(self.relays[number % 2].address, timeout=60)
            self.answers[f"delivery {answer.status_code}"] += 1
            if answer.status_code == 202:
                events: list[str] = answer.json()["events"]
                return events
            assert answer.status_code == 503, answer.text
            time.sleep(0.5)


@contextmanager
def shared(folder: Path, store: str) -> Iterator[Shared]:
    """Run two and two servers with few connections each."""
    configure(folder, store=store, timeout="10", lease_seconds="30", connections="512")
    file = folder / "gitdailies.yml"
    text = file.read_text().replace("  give_up_days", f"  store_connections: {CONNECTIONS}\n  give_up_days")
    file.write_text(f"{text}dora: {{store_connections: {CONNECTIONS}}}\n")
    with ExitStack() as stack:
        serve = ("dora", "--listen", "127.0.0.1:0", "--store", store, "--config", file.name)
        doras = [stack.enter_context(running(*serve, folder=folder, name=f"dora-{n}")) for n in (1, 2)]
        rights = ("--allow", "send", "--allow", "read")
        key = run("keys", "create", "all", "--quiet", "--store", store, *rights, folder=folder).stdout.strip()
        file.write_text(file.read_text().replace("http://127.0.0.1:1/", doras[0].address + "/", 1))
        (folder / "webhook-key").write_text(key)
        relay = ("relay", "--config", file.name)
        relays = [stack.enter_context(running(*relay, folder=folder, name=f"relay-{n}")) for n in (1, 2)]
        yield Shared(folder, store, key, relays, doras)


def work(world: Shared, deliveries: int) -> Counter[str]:
    """Deliver and read side by side; return how often each event is at the DORA server, once none waits."""
    # Each has its own minute: deploys of one moment are all compared with each other, to find repeats.
    times = [(FIRST + timedelta(minutes=n)).isoformat() for n in range(PAST_EACH * deliveries)]
    past = [body("deploy", id=f"past-{n}", commitSHA=f"{n:040x}", time=time) for n, time in enumerate(times)]
    (world.folder / "past.ndjson").write_text("".join(json.dumps(one) + "\n" for one in past))
    began = time.monotonic()
    with ThreadPoolExecutor(READERS + 10) as threads:
        beside = [threads.submit(world.read, number) for number in range(READERS)]
        beside.append(threads.submit(world.run_commands))
        imported = ("history", "import", "past.ndjson", "--url", f"{world.doras[1].address}/webhooks")
        done = world.command(*imported, GITDAILIES_WEBHOOK_KEY=world.key)
        assert done.returncode == 0, done.stderr
        with ThreadPoolExecutor(8) as vendors:
            accepted = list(itertools.chain(*vendors.map(world.deliver, range(deliveries))))
        # Commands end what they began.
        eventually(lambda: world.answers["keys 0"] + len(world.refusals) > 0, 60)
        world.stop.set()
        for one in beside:
            one.result(120)
    world.answers["seconds"] = round(time.monotonic() - began)

    def waiting() -> bool:
        status = json.loads(run("relay", "status", "--json", folder=world.folder).stdout)
        assert status["deadLetters"] == 0
        return bool(status["waiting"])

    eventually(lambda: not waiting(), 120)
    found = requests.get(
        f"{world.doras[1].address}/api/events?limit=100000", headers={"webhook-key": world.key}, timeout=60
    )
    counts = Counter(one["id"] for one in found.json()["events"])
    assert counts == Counter([*accepted, *(one["id"] for one in past)])
    return world.answers


def errors(server: Cluster) -> list[str]:
    """Return the errors that the database logged, with their statements."""
    lines = (server.folder / "log").read_text(errors="replace").splitlines()
    return [
        " ".join(lines[number : number + 3])
        for number, line in enumerate(lines)
        if (" ERROR: " in line or " FATAL: " in line) and "the database system is" not in line
    ]


@pytest.mark.parametrize("mode", POOLERS)
@short_and_long("deliveries", "GITDAILIES_SHARED_DELIVERIES", short=20, long=1000, seconds=lambda n: 120 + n)
def test_a_pooler_is_like_no_pooler(
    mode: str, deliveries: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """Behind pgbouncer each accepted event counts once, and the database refuses no statement.

    In transaction mode six connections are enough for all. In session mode each client has one.
    """
    with cluster() as server, pooled(server.url, mode, size=6 if mode == "transaction" else 24) as store:
        with shared(tmp_path, store) as world:
            answers = work(world, deliveries)
        assert not errors(server), "\n".join(errors(server))
    measure(f"pgbouncer, {mode}: {dict(sorted(answers.items()))} {world.refusals or ''}")
    assert all(any(one in refusal for one in SAID) for refusal in world.refusals), world.refusals


@pytest.mark.long
@short_and_long("deliveries", "GITDAILIES_SHARED_DELIVERIES", short=20, long=1000, seconds=lambda n: 120 + n)
def test_twenty_connections_are_enough_for_four_servers(
    deliveries: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """With max_connections = 20 nothing is refused for lack of connections, and commands connect."""
    with cluster() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET max_connections = 20")
            # The servers and commands are no superusers elsewhere, so three are not theirs.
            connection.execute("CREATE ROLE app LOGIN")
            connection.execute("ALTER DATABASE relay OWNER TO app")
        server.stop()
        (server.folder / "log").write_bytes(b"")
        server.start()
        with shared(tmp_path, server.url.replace("relay@", "app@")) as world:
            answers = work(world, deliveries)
        assert not errors(server), "\n".join(errors(server))
    measure(f"max_connections = 20: {dict(sorted(answers.items()))} {world.refusals or ''}")
    assert "delivery 503" not in answers
    assert all(any(one in refusal for one in SAID) for refusal in world.refusals), world.refusals
