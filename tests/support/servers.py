"""Local servers for the sender: each request is recorded, each answer is bytes that the test sets."""

import os
import random
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.programs import program

ACCEPTED = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
    b'{"status":"created"}'
)

Answer = Callable[[socket.socket, "Received"], bytes | None]


@dataclass(frozen=True)
class Received:
    """A request as it came: the first line, headers in lower case, the body."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """The requests that a running server has received."""

    port: int
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks"


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Write an answer; underscores in names of headers become hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def serving(
    reply: bytes | Answer = ACCEPTED, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[Server]:
    """Serve on a port of the loopback, a free one for 0, until the block ends.

    *reply* is the answer to every request, or a function that returns it or writes by itself;
    None ends the connection.
    """
    listener = socket.create_server(("127.0.0.1", port))
    server = Server(listener.getsockname()[1])
    opened: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
                opened.append(connection)
            while (request := _receive(connection)) is not None:
                server.requests.append(request)
                data = reply if isinstance(reply, bytes) else reply(connection, request)
                if data is None:
                    break
                connection.sendall(data)
            connection.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections += 1
                opened.append(connection)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in opened:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def _ports() -> Iterator[int]:
    """Yield the ports that the kernel gives to no connection, each once, in random order.

    Of several processes that run tests side by side, each gives ports of its own.
    """
    lowest, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ours = range(10_000 + number, lowest, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    yield from random.SystemRandom().sample(ours, len(ours))


_untried = _ports()


def free_port() -> int:
    """Return a port on which nothing listens, and which no connection takes before who asked does."""
    for port in _untried:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("127.0.0.1: expected a free port below those of connections, got none")


def certificate(folder: Path, name: str = "IP:127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for *name*; return its file and a server's context."""
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    command = [program("openssl"), "req", "-x509", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=local", "-addext", f"subjectAltName={name}"]
    command += ["-keyout", str(key_file), "-out", str(certificate_file)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context


def _receive(connection: socket.socket) -> Received | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        more = connection.recv(65536)
        if not more:
            return None
        raw += more
        if raw.startswith(b"\x16"):
            return Received("a greeting of TLS", {}, raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    return Received(line, headers, body)
