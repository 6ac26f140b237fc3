"""The answer to a vendor for each outcome of a delivery: the table, and nothing else.

| delivery                                             | answer                              |
| ---------------------------------------------------- | ----------------------------------- |
| stored                                               | 202 with the event ids              |
| about what was stored before                         | 202 repeated, with the same ids     |
| valid, but nothing to report                         | 200 with the reasons                |
| without a line under `services`                      | 202 unmapped, with the reasons      |
| what an upgrade or another setting may make count    | 202 quarantined                     |
| wrong or missing proof                               | 401, no detail                      |
| not JSON                                             | 400: where, and what was expected   |
| unknown source / wrong method / too large / encoded  | 404 / 405 / 413 / 415               |
| a body that does not come in time or in whole        | 408                                 |
| signed by a certificate that is not fetched yet      | 503, and it is fetched              |
| the relay's own fault                                | 503 with Retry-After, never a 4xx   |
| OPTIONS with WebHook-Request-Origin (CloudEvents)    | 200, permission to send             |
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from gitdailies_server.http.request_body import BodyFault

RETRY_AFTER_SECONDS = 5
METHODS = "POST, PUT, PATCH"  # Squadcast offers all three

_JSON = (b"content-type", b"application/json")


class VendorAnswer(NamedTuple):
    """A status, a JSON body and header fields."""

    status: int
    body: bytes
    fields: tuple[tuple[bytes, bytes], ...] = (_JSON,)


def _answer(status: int, body: dict[str, Any], *headers: tuple[bytes, bytes]) -> VendorAnswer:
    return VendorAnswer(status, orjson.dumps(body), (_JSON, *headers))


def reason_of(answer: VendorAnswer) -> str:
    """Return why an answer refuses a request: its reason, or its status in words."""
    said = orjson.loads(answer.body)
    return str(said.get("reason") or said["status"])


def stored(delivery: str, events: Sequence[str], reasons: Sequence[str], *, repeated: bool) -> VendorAnswer:
    more = {"ignored": reasons} if reasons else {}
    status = "repeated" if repeated else "stored"
    return _answer(202, {"status": status, "delivery": delivery, "events": events, **more})


def ignored(delivery: str, reasons: Sequence[str]) -> VendorAnswer:
    return _answer(200, {"status": "ignored", "delivery": delivery, "reasons": reasons})


def unmapped(delivery: str, reasons: Sequence[str]) -> VendorAnswer:
    return _answer(202, {"status": "unmapped", "delivery": delivery, "reasons": reasons})


def quarantined(delivery: str, reason: str) -> VendorAnswer:
    return _answer(202, {"status": "quarantined", "delivery": delivery, "reason": reason})


def invalid_json(delivery: str, reason: str) -> VendorAnswer:
    return _answer(400, {"status": "unreadable", "delivery": delivery, "reason": reason})


# RFC 9110, 11.6.1, wants a scheme. The answer does not show which one a source has.
UNPROVEN = _answer(401, {"status": "unauthorized"}, (b"www-authenticate", b"Bearer"))
UNKNOWN = _answer(404, {"status": "not found"})
WRONG_METHOD = _answer(405, {"status": "method not allowed"}, (b"allow", METHODS.encode()))
ENCODED = _answer(
    415, {"status": "unsupported", "reason": "content-encoding: send the body without compression"}
)
WRONG_QUERY = _answer(400, {"status": "bad request", "reason": "the query has too many parameters"})
WRONG_PROBE = _answer(405, {"status": "method not allowed"}, (b"allow", b"GET, HEAD"))


def no_body(fault: BodyFault, most: int) -> VendorAnswer:
    """Return the answer to a missing or too large body, which may have *most* bytes."""
    if fault is BodyFault.TOO_LARGE:
        return _answer(413, {"status": "too large", "reason": f"the body is larger than {most} bytes"})
    if fault is BodyFault.OVERLOADED:
        return OVERLOADED
    # Who disconnected never reads this. The log and the metrics show whose fault it was.
    return _answer(408, {"status": "timeout", "reason": fault.value})


def permitted(headers: Iterable[tuple[str, str]]) -> VendorAnswer:
    """Return the permission to send, which is in the headers alone."""
    return VendorAnswer(200, b"", tuple((name.lower().encode(), value.encode()) for name, value in headers))


def unavailable(reason: str) -> VendorAnswer:
    body = {"status": "unavailable", "reason": reason}
    return _answer(503, body, (b"retry-after", b"%d" % RETRY_AFTER_SECONDS))


ALIVE, READY = VendorAnswer(200, b'{"status": "alive"}'), VendorAnswer(200, b'{"status": "ready"}')
OVERLOADED = unavailable("too many deliveries are waiting to be stored")
NO_CERTIFICATE = unavailable("the certificate that signed this delivery is being fetched")
