"""A receiver that accepts every event, alone or in lists, and checks their order: `receiver.py documented`.

`GET /arrived` answers what has come.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import httptools
import orjson
import uvloop

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_DESCRIPTION = '{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"%s"}}'
_ORDER = ("incidentStarted", "incidentResolved")


class Arrived:
    """What has arrived, and how many events came twice or before their predecessor."""

    def __init__(self) -> None:
        self.requests = self.events = self.repeated = self.disordered = 0
        self.first_at = self.last_at = 0.0
        self._next: dict[str, int] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Count one event; the end of an incident must come after its start."""
        turn, wanted = _ORDER.index(event["kind"]), self._next.get(event["incidentId"], 0)
        self.repeated += turn < wanted
        self.disordered += turn > wanted
        self._next[event["incidentId"]] = max(wanted, turn + 1)
        self.events += 1
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at

    def report(self) -> bytes:
        return json.dumps({name: value for name, value in vars(self).items() if name != "_next"}).encode()


class Connection(asyncio.Protocol):
    """One persistent connection, with one request after the other."""

    def __init__(self, arrived: Arrived, kind: str) -> None:
        self._arrived = arrived
        self._description = (_DESCRIPTION % kind).encode()
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._body = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        url, body, self._url, self._body = self._url, self._body, b"", b""
        if self._parser.get_method() == b"GET":
            self._answer(b"200 OK", self._arrived.report() if url == b"/arrived" else self._description)
            return
        sent = orjson.loads(body)
        self._arrived.requests += 1
        for event in sent if isinstance(sent, list) else [sent]:
            self._arrived.take(event)
        if isinstance(sent, list):
            results = [{"index": n, "status": "created", "id": one.get("id")} for n, one in enumerate(sent)]
            self._answer(b"202 Accepted", orjson.dumps({"results": results}))
        else:
            self._answer(b"202 Accepted", b'{"status":"created"}')

    def _answer(self, status: bytes, body: bytes) -> None:
        self._transport.write(_HEAD % (status, len(body)) + body)


async def serve(kind: str) -> None:
    arrived = Arrived()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arrived, kind), "127.0.0.1", 0)
    print(f"listens on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
