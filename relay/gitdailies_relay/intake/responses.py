"""What a vendor is answered, for each outcome of a delivery: the table, and nothing else.

| delivery                                             | answer                             |
| ---------------------------------------------------- | ---------------------------------- |
| stored, or a redelivery of something stored          | 202, the event ids                 |
| authentic, and there is nothing to say               | 200, the reasons                   |
| authentic JSON that the table cannot read            | 202 kept                           |
| wrong or missing proof                               | 401, no detail                     |
| not JSON                                             | 400, where and what was expected   |
| unknown source / wrong method / too large / encoded  | 404 / 405 / 413 / 415              |
| the relay's own fault                                | 503 with Retry-After, never a 4xx  |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

RETRY_AFTER_SECONDS = 5


class Answer(NamedTuple):
    """A status, a JSON body and headers."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def _answer(status: int, body: dict[str, Any], *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, orjson.dumps(body), headers)


def stored(delivery: str, events: Sequence[str], reasons: Sequence[str]) -> Answer:
    more = {"ignored": reasons} if reasons else {}
    return _answer(202, {"status": "stored", "delivery": delivery, "events": events, **more})


def ignored(delivery: str, reasons: Sequence[str]) -> Answer:
    return _answer(200, {"status": "ignored", "delivery": delivery, "reasons": reasons})


def kept(delivery: str, reason: str) -> Answer:
    return _answer(202, {"status": "kept", "delivery": delivery, "reason": reason})


def unreadable(delivery: str, reason: str) -> Answer:
    return _answer(400, {"status": "unreadable", "delivery": delivery, "reason": reason})


UNPROVEN = _answer(401, {"status": "unauthorized"})
UNKNOWN = _answer(404, {"status": "not found"})
WRONG_METHOD = _answer(405, {"status": "method not allowed"}, (b"allow", b"POST, PUT, PATCH"))
ENCODED = _answer(
    415, {"status": "unsupported", "reason": "content-encoding: expected identity, got another"}
)
TRANSFERRED = _answer(
    415, {"status": "unsupported", "reason": "transfer-encoding: expected chunked or none, got another"}
)
# Nobody reads it: the sender went away. It says whose fault that was.
CUT = _answer(400, {"status": "bad request", "reason": "body: expected the whole of it, got a part"})


def too_large(limit: int) -> Answer:
    return _answer(413, {"status": "too large", "reason": f"body: expected at most {limit} bytes, got more"})


def unavailable(reason: str) -> Answer:
    body = {"status": "unavailable", "reason": reason}
    return _answer(503, body, (b"retry-after", b"%d" % RETRY_AFTER_SECONDS))


TOO_MANY = unavailable("more deliveries are waiting than are held at once")
