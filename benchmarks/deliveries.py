"""Prepared deliveries: examples of the adapter of PagerDuty with ids of their own, proved, as requests."""

from __future__ import annotations

import hmac
import json
from importlib.resources import files
from typing import Any

SECRET = "benchmark-signing-secret"  # the relay runs for seconds, on loopback
# The environment of the relay that `CONFIGURATION` describes.
ENVIRON = {"SECRET": SECRET, "GITDAILIES_WEBHOOK_KEY": "benchmark"}
CONFIGURATION = """\
gitdailies: {{url: "{url}", key: {{env: GITDAILIES_WEBHOOK_KEY}}}}
relay: {{listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "{store}"}}
services:
  PCHKAPI: {{repo: larkspur/checkout-api, environment: production}}
sources:
  pagerduty: {{adapter: pagerduty, secrets: [{{env: SECRET}}]}}
"""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# PagerDuty's delivery of a larger team: 3 KB as compact JSON.
_RESPONDERS = 8


def _rising(number: int, digits: int) -> str:
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(digits)))


def _request(payload: Any, number: int) -> bytes:
    event = payload["event"]
    event["id"] = f"{event['event_type'][9]}{_rising(number, 25)}"
    event["data"]["id"] = f"Q{_rising(number, 13)}"
    body = json.dumps(payload, separators=(",", ":")).encode()
    head = (
        "POST /hooks/pagerduty HTTP/1.1",
        "host: relay",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"x-pagerduty-signature: v1={hmac.digest(SECRET.encode(), body, 'sha256').hex()}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def build(word: str, count: int) -> list[bytes]:
    """Build *count* different deliveries of a word, `triggered` or `resolved`."""
    example = files("gitdailies_pagerduty").joinpath("examples", f"incident.{word}.payload.json")
    payload = json.loads(example.read_bytes())
    payload["event"]["data"]["assignees"] = payload["event"]["data"].get("assignees", []) * _RESPONDERS
    return [_request(payload, number) for number in range(1, count + 1)]
