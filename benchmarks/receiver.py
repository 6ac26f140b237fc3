"""A receiver that accepts every event, alone or in lists, and checks their order: `receiver.py documented`.

`GET /arrived` answers what has come.
"""

import json
import sys
import time
from functools import partial
from typing import Any

import orjson
import uvloop
from gitdailies_connection.addresses import Listen
from gitdailies_server.http.exchange import Exchange
from gitdailies_server.http.listener import Server, address_of, bind
from gitdailies_server.http.request_body import BodyFault, MemoryBudget, read_body

_JSON = ((b"content-type", b"application/json"),)
_DESCRIPTION = '{"openapi":"3.1.0","info":{"x-gitdailies-receiver":"%s"}}'
_ORDER = ("incidentStarted", "incidentResolved")
_LARGEST, _SECONDS = 64 * 1024 * 1024, 60.0


class Arrived:
    """What has arrived, and how many events came twice or before their predecessor."""

    def __init__(self) -> None:
        self.requests = self.events = self.repeated = self.disordered = 0
        self.first_at = self.last_at = 0.0
        self._next: dict[str, int] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Count one event; the end of an incident must come after its start."""
        if event["kind"] in _ORDER:
            turn, wanted = _ORDER.index(event["kind"]), self._next.get(event["incidentId"], 0)
            self.repeated += turn < wanted
            self.disordered += turn > wanted
            self._next[event["incidentId"]] = max(wanted, turn + 1)
        self.events += 1
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at

    def report(self) -> bytes:
        return json.dumps({name: value for name, value in vars(self).items() if name != "_next"}).encode()


class Receiver:
    """An application that takes every event."""

    def __init__(self, kind: str) -> None:
        self.unfinished: set[Any] = set()
        self._arrived = Arrived()
        self._description = (_DESCRIPTION % kind).encode()
        self._budget = MemoryBudget(_LARGEST)

    def __call__(self, exchange: Exchange, /) -> None:
        if exchange.method == "GET":
            report = exchange.path == "/arrived"
            exchange.answer(200, self._arrived.report() if report else self._description, _JSON)
        else:
            read_body(exchange, self._budget, _LARGEST, _SECONDS, partial(self._take, exchange))

    def _take(self, exchange: Exchange, body: bytes | BodyFault) -> None:
        assert isinstance(body, bytes), body
        self._budget.release(len(body))
        sent = orjson.loads(body)
        self._arrived.requests += 1
        for event in sent if isinstance(sent, list) else [sent]:
            self._arrived.take(event)
        answer: dict[str, Any] = {"status": "created"}
        if isinstance(sent, list):
            answer = {"results": [{**answer, "index": n, "id": one.get("id")} for n, one in enumerate(sent)]}
        exchange.answer(202, orjson.dumps(answer), _JSON)


async def serve(kind: str) -> None:
    listener = bind(Listen("127.0.0.1", 0), "the port")
    print(f"listens on http://{address_of(listener)}", flush=True)
    await Server(Receiver(kind)).serve(listener)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
