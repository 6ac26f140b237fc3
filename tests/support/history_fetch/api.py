"""A vendor's API that listens: pages by address, with a 429 and a cut connection where a test wants them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LIMITED, CUT = "limited", "cut"
Answer = Callable[[str, dict[str, str]], Any]


@dataclass
class Api:
    """Answers with what *answer* makes of path and query; `troubles` says what request N meets first.

    `admits` says by path and headers whether a request is let in, instead of the token alone.
    """

    answer: Answer
    token: str
    troubles: dict[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    admits: Callable[[str, Mapping[str, str]], bool] | None = None
    limit_status: int = 429
    limit_headers: dict[str, str] = field(default_factory=lambda: {"Retry-After": "1"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write an answer: two small ones would each wait for the other side.
    wbufsize = -1
    api: Api

    def do_GET(self) -> None:
        api = self.api
        api.asked.append(self.path)
        # Each vendor has a header of its own. The answer repeats a refused token.
        headers = dict(self.headers.items())
        path = urlsplit(self.path).path
        if not (api.admits(path, headers) if api.admits else any(api.token in v for v in headers.values())):
            self._send(401, {"error": {"message": f"no such token: {self.headers.items()}"}})
            return
        trouble = api.troubles.get(len(api.asked), "")
        parts = urlsplit(self.path)
        body = api.answer(parts.path, dict(parse_qsl(parts.query)))
        if trouble == LIMITED:
            self._send(api.limit_status, {"error": "slow down"}, api.limit_headers)
        elif body is None:
            self._send(404, {"error": "not found"})
        else:
            self._send(200, body, cut=trouble == CUT)

    def _send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        data = json.dumps(body).encode()
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
def listening(api: Api) -> Iterator[Api]:
    """Let it listen on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
