"""A fast receiver: it accepts every event, alone or in lists, and checks their order.

catch_up.py starts it. It prints its port, and at the end of its input, as JSON, what has arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import httptools
import orjson
import uvloop

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ONE = _HEAD % (b"202 Accepted", 20) + b'{"status":"created"}'
_DESCRIPTION = b'{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"%s"}}'
_ORDER = ("incidentStarted", "incidentResolved")


class Arrived:
    """What has arrived, and how many events came twice or before their predecessor."""

    def __init__(self) -> None:
        self.requests = self.events = self.repeated = self.disordered = 0
        self.first_at = self.last_at = 0.0
        self.next: dict[str, int] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Count one event; the end of an incident must come after its start."""
        turn, wanted = _ORDER.index(event["kind"]), self.next.get(event["incidentId"], 0)
        self.repeated += turn < wanted
        self.disordered += turn > wanted
        self.next[event["incidentId"]] = max(wanted, turn + 1)
        self.events += 1


class Connection(asyncio.Protocol):
    """One persistent connection, with one request after the other."""

    def __init__(self, arrived: Arrived, receiver: bytes) -> None:
        self._arrived = arrived
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if self._parser.get_method() == b"GET":
            self._transport.write(_answer(b"200 OK", _DESCRIPTION % self._receiver))
            return
        arrived, sent = self._arrived, orjson.loads(body)
        arrived.requests += 1
        arrived.last_at = time.monotonic()
        arrived.first_at = arrived.first_at or arrived.last_at
        if isinstance(sent, dict):
            arrived.take(sent)
            self._transport.write(_ONE)
            return
        for event in sent:
            arrived.take(event)
        results = [{"index": n, "status": "created", "id": one.get("id")} for n, one in enumerate(sent)]
        self._transport.write(_answer(b"202 Accepted", orjson.dumps({"results": results})))


def _answer(status: bytes, body: bytes) -> bytes:
    return _HEAD % (status, len(body)) + body


async def serve(receiver: bytes) -> None:
    arrived = Arrived()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arrived, receiver), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while await commands.readline():
        report = {name: value for name, value in vars(arrived).items() if name != "next"}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(serve(sys.argv[2].encode()))
