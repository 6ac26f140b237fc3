"""Both servers with ordinary traffic, watched by Prometheus. The jobs have names of their own."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from gitdailies_dora.accounts.keys.key_store import create_key

from tests.campaign.alerting.prometheus import PACE, Pace, Prometheus, prometheus
from tests.campaign.cluster import Cluster, cluster
from tests.campaign.disk import Disk, small_disk
from tests.campaign.world import with_clock
from tests.support.dora.running import at
from tests.support.empty_stores import DORA
from tests.support.processes import Server, run, start
from tests.support.relay.deliveries import ENDED_AT, Delivery, pagerduty
from tests.support.relay.running import KEY_FILE, configure
from tests.support.servers import free_port

CONFIG = "gitdailies.yml"


@dataclass
class Scene:
    """The servers, where they are watched, and what their stores are on."""

    folder: Path
    prometheus: Prometheus
    stores: dict[str, str]
    key: str
    disk: Disk | None = None
    cluster: Cluster | None = None
    servers: dict[str, Server] = field(default_factory=dict)
    ports: dict[str, tuple[int, int]] = field(default_factory=dict)
    # What traffic does not do meanwhile.
    quiet: threading.Event = field(default_factory=threading.Event)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def start(self, server: str) -> None:
        """Start a server, again on the same ports."""
        listen, status = (f"127.0.0.1:{port}" for port in self.ports[server])
        more = ("--listen", listen, "--status", status, "--store", self.stores["dora"], "--config", CONFIG)
        environ = with_clock(self.folder / f"{server}-clock")
        arguments = ("relay", "--config", CONFIG) if server == "relay" else ("dora", *more)
        self.servers[server] = start(*arguments, folder=self.folder, environ=environ)

    def end(self) -> None:
        for server in self.servers.values():
            server.kill()

    def url(self, server: str) -> str:
        return f"http://127.0.0.1:{self.ports[server][0]}"

    def watch(self, *servers: str) -> None:
        self.prometheus.watch(**{f"a-{one}": f"127.0.0.1:{self.ports[one][1]}" for one in servers})

    def post(self, delivery: Delivery) -> int:
        """Post a delivery to the relay; return the status of its answer, or 0."""
        with suppress(requests.RequestException):
            return delivery.post(self.url("relay"), timeout=6).status_code
        return 0

    def relay(self, verb: str, *rest: str) -> None:
        """Run a command of the relay."""
        run("relay", verb, *rest, "--config", CONFIG, folder=self.folder)

    def send(self, event: object, key: str = "") -> int:
        """Send an event to the DORA server, as a CI step does."""
        headers = {"webhook-key": key or self.key}
        with suppress(requests.RequestException):
            url = f"{self.url('dora')}/webhooks"
            return requests.post(url, json=event, headers=headers, timeout=6).status_code
        return 0

    def ask(self, path: str) -> int:
        with suppress(requests.RequestException):
            headers = {"webhook-key": self.key}
            return requests.get(self.url("dora") + path, headers=headers, timeout=10).status_code
        return 0

    def write(self, name: str, text: str) -> str:
        """Replace a file beside gitdailies.yml; return what it held."""
        file = self.folder / name
        before = file.read_text() if file.exists() else ""
        new = file.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(file)
        return before

    def one_round(self) -> None:
        """Send what teams send in a moment: an incident that ends, a deploy, a question."""
        number = next(self._numbers)
        incident, sha = f"T{number}", f"{number:040x}"
        self.post(pagerduty("incident.triggered", incident))
        self.post(pagerduty("incident.resolved", incident, at=ENDED_AT))
        self.send(
            {"kind": "deployed", "repo": "larkspur/shop", "commitSHA": sha, "environment": "production"}
        )
        if not number % 4:
            self.ask("/api/metrics?repo=larkspur/shop")

    def traffic(self, stop: threading.Event) -> None:
        while not stop.wait(0.4):
            if not self.quiet.is_set():
                self.one_round()


@contextmanager
def scene(
    folder: Path, kind: str, *, receiver: str = "", pace: Pace = PACE, **settings: str
) -> Iterator[Scene]:
    """Run both servers: on `sqlite`, on a small `disk`, or on a `postgresql` of their own.

    The relay sends to *receiver*, if there is one, in place of the DORA server.
    """
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder)) if kind == "disk" else None
        database = stack.enter_context(cluster()) if kind == "postgresql" else None
        where = disk.folder if disk else folder
        stores = (
            dict.fromkeys(("relay", "dora"), database.url)
            if database
            else {
                "relay": f"sqlite:{where / 'relay.db'}",
                "dora": f"sqlite:{where / 'dora.db'}",
            }
        )
        ports = {server: (free_port(), free_port()) for server in stores}
        if database is None:
            DORA.put(where / "dora.db")
        store = at(stores["dora"])
        key = create_key(store, "all", ["send", "read"])[0].reveal()
        sending = create_key(store, "relay")[0].reveal()
        url = receiver or f"http://127.0.0.1:{ports['dora'][0]}/webhooks"
        file = configure(folder, url=url, key=sending, store=stores["relay"], **settings)
        text = (
            file.read_text()
            .replace("  receiver: ours\n", "")
            .replace("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{ports['relay'][0]}")
        )
        file.write_text(text.replace("status: 127.0.0.1:0", f"status: 127.0.0.1:{ports['relay'][1]}"))
        for server in stores:
            (folder / f"{server}-clock").write_text("0")
        made = Scene(
            folder,
            stack.enter_context(prometheus(folder, pace)),
            stores,
            key,
            disk,
            database,
            ports=ports,
        )
        stack.callback(made.end)
        stop = threading.Event()
        try:
            for server in ("dora", "relay"):
                made.start(server)
            made.watch("relay", "dora")
            thread = threading.Thread(target=made.traffic, args=(stop,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(stop.set)
            yield made
        finally:
            stop.set()


__all__ = ["CONFIG", "KEY_FILE", "Scene", "scene"]
