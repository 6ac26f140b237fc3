"""Two relays and two DORA servers on one PostgreSQL, each a process with a port that is known before."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.campaign.load import Post
from tests.support.dora.payloads import body
from tests.support.processes import Server, run, start
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure
from tests.support.servers import free_port

# Vendors wait from 5 to 30 seconds.
_TIMEOUT_SECONDS = 30.0
_REPOSITORIES = 100
_SERVICES = "".join(f"  app-{n}: {{repo: larkspur/app-{n}}}\n" for n in range(_REPOSITORIES))


@dataclass
class Place:
    """Where a server runs, again and again: its folder and its port."""

    name: str
    folder: Path
    environ: Mapping[str, str]
    port: int = field(default_factory=free_port)
    server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_relay(self, store: str, receiver: str, key: str) -> None:
        file = configure(self.folder, url=receiver, key=key, store=store, timeout="10", lease_seconds="30")
        text = file.read_text()
        text = text.replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{self.port}", 1)
        file.write_text(text.replace("services:\n", f"services:\n{_SERVICES}", 1))
        self._start("relay")

    def start_dora(self, store: str, *, command: str = "dora") -> None:
        self._start(command, "--listen", f"127.0.0.1:{self.port}", "--store", store)

    def end(self) -> int:
        """Stop it as a supervisor does; return its exit code."""
        assert self.server is not None
        return self.server.terminate()

    def kill(self) -> None:
        if self.server is not None:
            self.server.kill()

    def _start(self, *arguments: str) -> None:
        self.server = start(*arguments, folder=self.folder, environ=self.environ, name=self.name)


def places(folder: Path, environ: Mapping[str, str], *names: str) -> dict[str, Place]:
    """Make a place with a folder of its own for each name."""
    for name in names:
        (folder / name).mkdir()
    return {name: Place(name, folder / name, environ) for name in names}


def new_key(store: str, name: str, environ: Mapping[str, str], folder: Path, *allow: str) -> str:
    """Make a key at the DORA server with the command of this release."""
    allowed = [part for one in allow for part in ("--allow", one)]
    return run(
        *("keys", "create", name, "--quiet", "--store", store, *allowed), folder=folder, environ=environ
    ).stdout.strip()


def delivery(number: int, url: str, of: str) -> Post:
    """Return what sends the start of an incident of its own; *of* names the sender."""
    one = pagerduty(
        "incident.triggered",
        f"{of}-{number}",
        service=f"app-{number % _REPOSITORIES}",
        event=f"01{of}{number}",
    )
    return lambda session: one.post(url, session, timeout=_TIMEOUT_SECONDS)


def event(number: int, url: str, of: str, key: str) -> Post:
    """Return what reports a deploy of its own."""
    repo = f"larkspur/app-{number % _REPOSITORIES}"
    sent = body("deploy", id=f"{of}-{number}", commitSHA=f"{number:040x}", repo=repo)
    return lambda session: session.post(
        f"{url}/webhooks", json=sent, headers={"webhook-key": key}, timeout=_TIMEOUT_SECONDS
    )


def counted(relay: Place, url: str, key: str, seconds: float = 900.0) -> Counter[str]:
    """Return how often each event is at a DORA server, once nothing waits in the store of a relay."""

    def waiting() -> int:
        status = run("relay", "status", "--json", folder=relay.folder, environ=relay.environ).stdout
        assert json.loads(status)["deadLetters"] == 0, status
        found: int = json.loads(status)["waiting"]
        return found

    # Each look costs what some deliveries cost.
    deadline = time.monotonic() + seconds
    while (left := waiting()) and time.monotonic() < deadline:
        time.sleep(1)
    assert left == 0
    answer = requests.get(
        f"{url}/api/events", headers={"webhook-key": key}, params={"limit": "1000000"}, timeout=120
    )
    return Counter(one["id"] for one in answer.json()["events"])
