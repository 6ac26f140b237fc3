"""A Service and a Deployment of Kubernetes, by HAProxy and processes: what decides who gets a request.

As kube-proxy does, HAProxy passes each connection to one ready server, and never to another when that one
fails. Pods are replaced in the order of a rolling update with `maxUnavailable: 0` and `maxSurge: 1`.
"""

import csv
import io
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.campaign.two_and_two import Place
from tests.support.processes import eventually
from tests.support.servers import free_port

_GLOBAL = Path(__file__).with_suffix(".cfg").read_text()
_SERVICE = """
listen {name}
    bind 127.0.0.1:{port}
    option httpchk GET /readyz
"""


@dataclass
class Service:
    """Its pods, which run or not, and its own address. *start* starts one at a place."""

    name: str
    pods: list[Place]
    admin: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def config(self) -> str:
        lines = [f"    server {pod.name} 127.0.0.1:{pod.port} disabled\n" for pod in self.pods]
        return _SERVICE.format(name=self.name, port=self.port) + "".join(lines)

    def add(self, pod: Place, start: Callable[[Place], None]) -> None:
        """Start a pod, and let it get requests once it is ready."""
        start(pod)
        eventually(lambda: requests.get(f"{pod.url}/readyz", timeout=5).ok)
        self._command(f"set server {self.name}/{pod.name} state ready")
        eventually(lambda: self._states()[pod.name] == "UP")

    def replace(self, old: Place, start: Callable[[Place], None], pre_stop_seconds: float) -> None:
        """Add a pod in a free place, and end the old one.

        A pod that is to end sleeps first, as `preStop` says. Meanwhile its endpoint is taken away.
        """
        self.add(next(pod for pod in self.pods if pod.server is None), start)
        time.sleep(pre_stop_seconds / 2)
        self._command(f"set server {self.name}/{old.name} state maint")
        time.sleep(pre_stop_seconds / 2)
        assert old.end() == 0
        old.server = None

    def _states(self) -> dict[str, str]:
        rows = csv.DictReader(io.StringIO(self._command("show stat").removeprefix("# ")))
        return {row["svname"]: row["status"] for row in rows if row["pxname"] == self.name}

    def _command(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.admin))
            connection.sendall(f"{text}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def config_of(*services: Service) -> str:
    """Return a configuration of HAProxy with all of them."""
    return _GLOBAL.format(admin=services[0].admin) + "".join(one.config() for one in services)
