"""A receiver that keeps what it was sent and answers as a test tells it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.connection.servers import ACCEPTED, Received, answer, serving

__all__ = ["ACCEPTED", "Arrival", "Receiver", "answer", "receiving"]


@dataclass(frozen=True)
class Arrival:
    """One request: the event, the id in its header, its key, the answer it got and when."""

    event: dict[str, Any]
    id: str
    key: str
    status: int | None
    at: float


Script = Callable[[Arrival], bytes | None]


@dataclass
class Receiver:
    """`script` decides the answer; None cuts the connection after the request was read."""

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    script: Script = lambda _arrival: ACCEPTED
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self) -> list[dict[str, Any]]:
        """Return the accepted events in the order of arrival, each id once, as a receiver of ours would."""
        return list({one.id: one.event for one in self.arrivals if one.status == 202}.values())

    def of(self, incident: str) -> list[Arrival]:
        return [one for one in self.arrivals if one.event["incidentId"] == incident]

    def reply(self, _connection: socket.socket, request: Received) -> bytes | None:
        headers = request.headers
        arrival = Arrival(
            json.loads(request.body), headers["idempotency-key"], headers["webhook-key"], None, time.time()
        )
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        said = self.script(arrival)
        status = None if said is None else int(said[9:12])
        with self._lock:
            self._at_once -= 1
            self.arrivals.append(Arrival(arrival.event, arrival.id, arrival.key, status, arrival.at))
        return said


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver.reply) as server:
        receiver.url = server.url
        yield receiver
