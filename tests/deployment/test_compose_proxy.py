"""The proxy of the compose file: it starts without a relay, and finds each one that runs, wherever it is.

Docker's resolver and its containers are replaced by a small DNS server and by addresses of loopback.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.servers import free_port

CONFIGURATION = (Path(__file__).parents[2] / "deployment" / "compose.nginx.conf").read_text()
FIRST, SECOND = "127.0.0.2", "127.0.0.3"


class Names:
    """A DNS server that knows `relay` and `webhooks`, at the addresses of the test."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.webhooks: list[str] = []
        self.asked: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            query, client = self._socket.recvfrom(512)
            question = query[12:]
            self.asked.append(question)
            names = {b"\x05relay\x00": self.addresses, b"\x08webhooks\x00": self.webhooks}
            found = next((known for name, known in names.items() if question.startswith(name)), [])
            count = len(found)
            # A response, authoritative; NXDOMAIN where no container has the name.
            flags = 0x8180 if count else 0x8183
            answer = query[:2] + flags.to_bytes(2, "big") + b"\0\1" + count.to_bytes(2, "big") + b"\0" * 4
            answer += question
            for address in found[:count]:
                # The name at offset 12, type A, class IN, one second, four bytes.
                answer += b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(address)
            self._socket.sendto(answer, client)


@contextmanager
def relay_at(address: str, port: int) -> Iterator[list[str]]:
    """Answer 202 at an address, as a relay does; yield the bodies that came."""
    came: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["content-length"])).decode() + self.path)
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def nginx(folder: Path, names: Names, relay_port: int) -> Iterator[str]:
    """Run the proxy with this resolver; yield the address of /hooks/."""
    port = free_port()
    text = CONFIGURATION
    for old, new in {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "${NGINX_LOCAL_RESOLVERS}": f"127.0.0.1:{names.port}",
        "$relays:8701": f"$relays:{relay_port}",
        "$webhooks:8700": f"$webhooks:{relay_port}",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"{user}pid {folder}/nginx.pid;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{text}}}\n"
    )
    command = [program("nginx"), "-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(file)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

    def listens() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(listens)
        yield f"http://127.0.0.1:{port}/hooks/pagerduty"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def names() -> Names:
    return Names()


def test_the_proxy_starts_without_relays_and_follows_them(tmp_path: Path, names: Names) -> None:
    """Without a relay, 502. One that starts is used; made anew at another address, it is found there."""
    port = free_port()
    with nginx(tmp_path, names, port) as url:
        assert requests.post(url, "0", timeout=10).status_code == 502
        with relay_at(FIRST, port) as first:
            names.addresses = [FIRST]
            eventually(lambda: requests.post(url, "1", timeout=10).status_code == 202, 10)
            assert first[-1] == "1/hooks/pagerduty"
        with relay_at(SECOND, port) as second:
            names.addresses = [SECOND]
            eventually(lambda: requests.post(url, "2", timeout=10).status_code == 202, 10)
            assert second[-1] == "2/hooks/pagerduty"


def test_no_delivery_is_put_off_while_one_of_two_relays_is_down(tmp_path: Path, names: Names) -> None:
    """The name still leads to both; each delivery is taken by the one that runs."""
    port = free_port()
    names.addresses = [FIRST, SECOND]
    with nginx(tmp_path, names, port) as url, relay_at(SECOND, port) as second:
        statuses = {requests.post(url, str(number), timeout=10).status_code for number in range(10)}
        assert statuses == {202}
        assert len(second) == 10


def test_all_but_hooks_goes_to_incoming_webhooks(tmp_path: Path, names: Names) -> None:
    """Events, the API and pages reach incoming webhooks, and deliveries only the relays."""
    port = free_port()
    names.addresses, names.webhooks = [FIRST], [SECOND]
    with (
        nginx(tmp_path, names, port) as url,
        relay_at(FIRST, port) as relay,
        relay_at(SECOND, port) as webhooks,
    ):
        for path in ("/hooks/pagerduty", "/webhooks", "/api/events", "/", "/metrics"):
            answer = requests.post(url.replace("/hooks/pagerduty", path), "0", timeout=10)
            assert answer.status_code == 202, path
    assert relay == ["0/hooks/pagerduty"]
    assert webhooks == ["0/webhooks", "0/api/events", "0/", "0/metrics"]
