"""Prepared deliveries: different PagerDuty incidents of about 3 KB each, signed, as bytes of HTTP requests.

They are starts of incidents, or ends of incidents that started before the benchmark.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

SECRET = "benchmark-signing-secret"  # the relay runs for seconds, on loopback
SERVICE = "PCHKAPI"
_PATH = "/hooks/pagerduty"
# Incidents with this number or a higher one started before the benchmark.
BEFORE = 10_000_000
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Placeholders of the same length as their values, so that one body serves for all deliveries.
_EVENT, _INCIDENT = "E" * 26, "I" * 14
_RESPONDERS = 8


@dataclass(frozen=True)
class Request:
    """One request as bytes, and the id of its incident, to find it in the store."""

    incident: str
    data: bytes


def build(count: int, *, scattered: bool = False, first: int = 0) -> list[Request]:
    """Build the starts of *count* incidents; ids increase, as PagerDuty's do, unless *scattered*."""
    template = json.dumps(_payload(), separators=(",", ":"))
    return [_request(template, number, scattered=scattered) for number in range(first, first + count)]


def build_ends(count: int) -> list[Request]:
    """Build the ends of the first *count* incidents that were `BEFORE`."""
    payload = _payload()
    payload["event"].update(event_type="incident.resolved", occurred_at="2026-03-04T10:02:18.455Z")
    payload["event"]["data"]["status"] = "resolved"
    template = json.dumps(payload, separators=(",", ":"))
    return [_request(template, BEFORE + number, scattered=False) for number in range(count)]


def _request(template: str, number: int, *, scattered: bool) -> Request:
    place = number
    if scattered:
        place = int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big")
    incident = incident_id(place)
    body = template.replace(_EVENT, "01" + _base32(number, 24)).replace(_INCIDENT, incident).encode()
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex()
    head = (
        f"POST {_PATH} HTTP/1.1\r\nhost: relay\r\nuser-agent: PagerDuty-Webhook/V3.0\r\n"
        f"content-type: application/json\r\naccept: */*\r\nx-webhook-id: {_base32(number, 26)}\r\n"
        f"x-pagerduty-signature: v1={signature}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return Request(incident, head.encode() + body)


def incident_id(number: int) -> str:
    return "Q" + _base32(number, 13)


def _payload() -> Any:
    """Return the example of the adapter with the responders of a larger team: 3 KB as compact JSON."""
    example = files("gitdailies_pagerduty").joinpath("examples/incident.triggered.payload.json")
    payload = json.loads(example.read_bytes())
    payload["event"]["id"] = _EVENT
    data = payload["event"]["data"]
    data["html_url"] = data["html_url"].replace(data["id"], _INCIDENT)
    data["self"] = data["self"].replace(data["id"], _INCIDENT)
    data["id"] = _INCIDENT
    data["assignees"] *= _RESPONDERS
    return payload


def _base32(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 32)
        text = _CROCKFORD[digit] + text
    return text
