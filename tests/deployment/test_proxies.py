"""TLS by a reverse proxy: the examples of deployment/proxy, in front of a relay that runs."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import Relay, configure, in_thread
from tests.support.servers import certificate, free_port

EXAMPLES = Path(__file__).parents[2] / "deployment" / "proxy"
# Another address of this machine than the one the proxy speaks to the relay from.
SENDER = "127.0.0.2"


def replaced(name: str, **texts: str) -> str:
    """Return an example with its names replaced. Each name must occur in it."""
    text = (EXAMPLES / name).read_text()
    for old, new in texts.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, relay: str) -> list[str]:
    example = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server 127.0.0.1:8701": f"server {relay}",
        "/etc/letsencrypt/live/hooks.example.com/fullchain.pem": str(folder / "certificate.pem"),
        "/etc/letsencrypt/live/hooks.example.com/privkey.pem": str(folder / "key.pem"),
    }
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root, workers would lose the right to the folder of the test.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}pid {folder}/nginx.pid;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}"
        f"{replaced('nginx.conf', **example)}}}\n"
    )
    command = [
        program("nginx"),
        "-e",
        str(folder / "nginx.log"),
        "-p",
        str(folder),
        "-c",
        str(folder / "nginx.conf"),
    ]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return command


def caddy(folder: Path, port: int, relay: str) -> list[str]:
    example = {
        "hooks.example.com {": f"https://127.0.0.1:{port} {{\n"
        f"\ttls {folder / 'certificate.pem'} {folder / 'key.pem'}",
        "127.0.0.1:8701": relay,
    }
    top = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    (folder / "Caddyfile").write_text(top + replaced("Caddyfile", **example))
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[Path, int, str], list[str]]] = {"nginx": nginx, "caddy": caddy}


def post(port: int, folder: Path, path: str, delivery: Delivery, **headers: str) -> tuple[int, bytes]:
    """Post through TLS, from an address of the sender's own."""
    context = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=20, source_address=(SENDER, 0), context=context
    )
    try:
        connection.request("POST", path, delivery.body, {**delivery.headers, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def before(relay: Relay, name: str, folder: Path) -> Iterator[int]:
    """Run a proxy before the relay; return its port."""
    certificate(folder)
    port = free_port()
    command = PROXIES[name](folder, port, relay.url.removeprefix("http://"))
    environ = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environ)

    def answers() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        try:
            return post(port, folder, "/", Delivery("", b""))[0] == 404
        except OSError:
            return False

    try:
        eventually(answers, 60)
        yield port
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("name", PROXIES)
def test_a_delivery_through_tls_arrives_and_the_log_shows_its_sender(
    name: str, tmp_path: Path, receiver: Receiver
) -> None:
    """The example takes a signed delivery through TLS; an address that the sender wrote is not believed."""
    file = configure(tmp_path, url=receiver.url, trusted_proxies="[127.0.0.1]")
    folder = tmp_path / "proxy"
    folder.mkdir()
    invented = {"X-Forwarded-For": "192.0.2.66"}
    with in_thread(file) as relay, before(relay, name, folder) as port:
        good = pagerduty("incident.triggered", "Q1")
        assert post(port, folder, "/hooks/pagerduty", good, **invented)[0] == 202
        assert post(port, folder, "/hooks/pagerduty", Delivery("", b"{}"), **invented)[0] == 401
        large = Delivery("", b"x" * (1024 * 1024 + 1))
        assert post(port, folder, "/hooks/pagerduty", large)[0] == 413
        for path in ("/healthz", "/readyz", "/metrics", "/hooks"):
            assert post(port, folder, path, good)[0] in (404, 301)
        eventually(lambda: receiver.of("Q1"))
        lines = [*relay.logged("delivery"), *relay.logged("delivery refused")]
    assert [entry["client"] for entry in lines] == [SENDER] * 2
