"""TLS by a reverse proxy: the examples of deployment/proxy, in front of both servers."""

import http.client
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from gitdailies_connection.addresses import parse_network

from tests.support.dora.payloads import body
from tests.support.dora.running import in_thread as dora_in_thread
from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.relay.deliveries import Delivery, pagerduty
from tests.support.relay.receiver import Receiver
from tests.support.relay.running import configure, in_thread
from tests.support.servers import certificate, free_port

EXAMPLES = Path(__file__).parents[2] / "deployment" / "proxy"
# Another address of this machine than the one the proxy speaks to the relay from.
SENDER = "127.0.0.2"
NOBODY = "http://127.0.0.1:1"


def replaced(name: str, **texts: str) -> str:
    """Return an example with its names replaced. Each name must occur in it."""
    text = (EXAMPLES / name).read_text()
    for old, new in texts.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Ports:
    """Where the proxy listens: for webhooks of tools, and for all that is for the DORA server."""

    hooks: int
    dora: int


def nginx(folder: Path, ports: Ports, relay: str, dora: str) -> list[str]:
    listen = "listen 443 ssl;\n    server_name "
    example = {
        f"{listen}hooks": f"listen 127.0.0.1:{ports.hooks} ssl;\n    server_name hooks",
        f"{listen}dora": f"listen 127.0.0.1:{ports.dora} ssl;\n    server_name dora",
        "server 127.0.0.1:8701": f"server {relay}",
        "server 127.0.0.1:8700": f"server {dora}",
        "/etc/letsencrypt/live/example.com/fullchain.pem": str(folder / "certificate.pem"),
        "/etc/letsencrypt/live/example.com/privkey.pem": str(folder / "key.pem"),
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
    options = {"-e": folder / "nginx.log", "-p": folder, "-c": folder / "nginx.conf"}
    command = [program("nginx"), *(str(word) for pair in options.items() for word in pair)]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return command


def caddy(folder: Path, ports: Ports, relay: str, dora: str) -> list[str]:
    tls = f"\ttls {folder / 'certificate.pem'} {folder / 'key.pem'}"
    example = {
        "hooks.example.com {": f"https://127.0.0.1:{ports.hooks} {{\n{tls}",
        "\ndora.example.com {": f"\nhttps://127.0.0.1:{ports.dora} {{\n{tls}",
        "reverse_proxy 127.0.0.1:8701": f"reverse_proxy {relay}",
        "reverse_proxy 127.0.0.1:8700": f"reverse_proxy {dora}",
    }
    top = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    (folder / "Caddyfile").write_text(top + replaced("Caddyfile", **example))
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


PROXIES: dict[str, Callable[[Path, Ports, str, str], list[str]]] = {"nginx": nginx, "caddy": caddy}


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
def before(name: str, folder: Path, *, relay: str = NOBODY, dora: str = NOBODY) -> Iterator[Ports]:
    """Run a proxy before one server or both; return its ports."""
    certificate(folder)
    ports = Ports(free_port(), free_port())
    addresses = (url.removeprefix("http://") for url in (relay, dora))
    command = PROXIES[name](folder, ports, *addresses)
    homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **homes})

    def answers() -> bool:
        assert process.poll() is None, (folder / "output").read_text()
        try:
            return post(ports.hooks, folder, "/", Delivery("", b""))[0] == 404
        except OSError:
            return False

    try:
        eventually(answers, 60)
        yield ports
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
    with in_thread(file) as relay, before(name, folder, relay=relay.url) as ports:
        port = ports.hooks
        good = pagerduty("incident.triggered", "Q1")
        assert post(port, folder, "/hooks/pagerduty", good, **invented)[0] == 202
        assert post(port, folder, "/hooks/pagerduty", Delivery("", b"{}"), **invented)[0] == 401
        large = Delivery("", b"x" * (1024 * 1024 + 1))
        # The relay refuses it, which knows how large a body its source may send.
        status, refusal = post(port, folder, "/hooks/pagerduty", large)
        assert (status, b"larger than 1048576 bytes" in refusal) == (413, True)
        for path in ("/healthz", "/readyz", "/metrics", "/hooks"):
            assert post(port, folder, path, good)[0] in (404, 301)
        eventually(lambda: receiver.of("Q1"))
        lines = [*relay.logged("delivery"), *relay.logged("delivery refused")]
    assert [entry["client"] for entry in lines] == [SENDER] * 2


@pytest.mark.parametrize("name", PROXIES)
def test_pages_and_events_through_tls(name: str, tmp_path: Path) -> None:
    """Events come in, also a list of many megabytes; pages know that they were opened over TLS."""
    trusted = [parse_network("127.0.0.1")]
    folder = tmp_path / "proxy"
    folder.mkdir()
    with (
        dora_in_thread(tmp_path / "w.db", trusted_proxies=trusted) as receiver,
        before(name, folder, dora=receiver.url) as ports,
    ):
        url = f"https://127.0.0.1:{ports.dora}"
        session = requests.Session()
        session.verify = str(folder / "certificate.pem")
        headers = {"webhook-key": receiver.key("ci")}
        large = [body("deploy", id=f"d-{number}", title="x" * 9_000) for number in range(800)]
        sent = session.post(f"{url}/webhooks", json=large, headers=headers, timeout=60)
        assert (sent.status_code, len(sent.json()["results"])) == (202, 800)
        invented = {"x-forwarded-proto": "http", "x-forwarded-host": "evil.example"}
        page = session.get(f"{url}/sign-in", headers=invented, timeout=30)
        assert page.status_code == 200
        assert page.headers["strict-transport-security"]
        assert "evil.example" not in page.text
        assert session.get(f"{url}/metrics", timeout=30).status_code == 404
