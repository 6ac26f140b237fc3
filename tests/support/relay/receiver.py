"""A receiver that records its requests and gives the answers that a test sets."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from gitdailies_core.retry import Outcome
from gitdailies_relay.delivery.batches import is_about_events

from tests.support.servers import ACCEPTED, Received, answer, serving

__all__ = ["ACCEPTED", "Arrival", "Receiver", "answer", "by_incident", "receiving"]


@dataclass(frozen=True)
class Arrival:
    """One event: its id in the header or, of a list, its own; its key, the answer it got and when."""

    event: dict[str, Any]
    id: str
    key: str
    status: int | None
    at: float


Script = Callable[[Arrival], bytes | None]


@dataclass
class Receiver:
    """`script` decides the answer; None cuts the connection after the request was read.

    A list is answered as the DORA server does: with a result an event, or whole where the answer
    to one of its events is not about that event. `lists` says how many events each had.
    """

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    script: Script = lambda _arrival: ACCEPTED
    most_at_once: int = 0
    lists: list[int] = field(default_factory=list)
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def taken(self) -> list[dict[str, Any]]:
        """Return the accepted events in the order of arrival, each id once, as a receiver of ours would."""
        return list({one.id: one.event for one in self.arrivals if one.status == 202}.values())

    def of(self, incident: str) -> list[Arrival]:
        return [one for one in self.arrivals if one.event["incidentId"] == incident]

    def reply(self, _connection: socket.socket, request: Received) -> bytes | None:
        sent, key, at = json.loads(request.body), request.headers["webhook-key"], time.time()
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        if isinstance(sent, list):
            assert "idempotency-key" not in request.headers
            arrivals = [Arrival(event, event["id"], key, None, at) for event in sent]
            answers = [self.script(one) for one in arrivals]
            reply = _of_list(answers)
        else:
            arrivals = [Arrival(sent, request.headers["idempotency-key"], key, None, at)]
            reply = self.script(arrivals[0])
            answers = [reply]
        with self._lock:
            self._at_once -= 1
            for one, answered in zip(arrivals, answers, strict=True):
                status = _status(answered if reply is not None and _status(reply) == 207 else reply)
                self.arrivals.append(replace(one, status=status))
            if isinstance(sent, list):
                self.lists.append(len(sent))
        return reply


def _status(reply: bytes | None) -> int | None:
    return None if reply is None else int(reply[9:12])


def _of_list(answers: Sequence[bytes | None]) -> bytes | None:
    for reply in answers:
        status = _status(reply)
        if status is None or not is_about_events(Outcome(status)):
            return reply
    statuses = [_status(reply) for reply in answers]
    results = [
        {"status": "created"} if one == 202 else {"status": "invalid", "error": "no"} for one in statuses
    ]
    status_line = "202 Accepted" if set(statuses) == {202} else "207 Multi-Status"
    return answer(status_line, json.dumps({"results": results}).encode(), Content_Type="application/json")


def by_incident(**statuses: str) -> Script:
    """Answer the events of some incidents with a status that is not 202, after which a minute is to pass."""
    return lambda one: answer(statuses.get(one.event["incidentId"], "202 X"), Retry_After="60")


@contextmanager
def receiving(receiver: Receiver | None = None) -> Iterator[Receiver]:
    receiver = receiver or Receiver()
    with serving(receiver.reply) as server:
        receiver.url = server.url
        yield receiver
