"""A local server of JSON, as the stand-in of an API."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JsonHandler(BaseHTTPRequestHandler):
    """Answers every request by `reply`, with JSON, and prints nothing."""

    protocol_version = "HTTP/1.1"
    # One write an answer: two small ones would each wait for the other side.
    wbufsize = -1

    def reply(self) -> None:
        """Answer the request; `command` is its method."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.reply()

    def do_POST(self) -> None:
        self.reply()

    def do_DELETE(self) -> None:
        self.reply()

    def send_json(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None, *, cut: bool = False
    ) -> None:
        """Send *body*, nothing for None; with *cut* only its first half, and end the connection."""
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        """Print nothing, so that the output of tests stays clean."""


@contextmanager
def listening(handler: type[JsonHandler], **attributes: Any) -> Iterator[str]:
    """Serve on a free port of this machine; yield the address. The handler has the *attributes*."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), attributes))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
