"""Prepared deliveries: examples of adapters and packs with ids of their own, proved, as bytes of requests."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

SECRET = "benchmark-signing-secret"  # the relay runs for seconds, on loopback
# The environment of the relay that `CONFIGURATION` describes.
ENVIRON = {
    "SECRET": SECRET,
    "WHSEC": "whsec_" + base64.b64encode(SECRET.encode()).decode(),
    "GITDAILIES_WEBHOOK_KEY": "benchmark",
}
CONFIGURATION = """\
gitdailies: {{url: "{url}", key: {{env: GITDAILIES_WEBHOOK_KEY}}}}
relay: {{listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "{store}"}}
services:
  PCHKAPI: {{repo: larkspur/checkout-api, environment: production}}
  checkout-api: {{repo: larkspur/checkout-api, environment: production}}
sources:
  pagerduty: {{adapter: pagerduty, secrets: [{{env: SECRET}}]}}
  opsgenie: {{adapter: opsgenie, header: X-Relay-Token, secrets: [{{env: SECRET}}]}}
  alertmanager: {{adapter: alertmanager, count: all, secrets: [{{env: SECRET}}]}}
  incident-io: {{adapter: incident-io, secrets: [{{env: WHSEC}}]}}
  github: {{adapter: github, secrets: [{{env: SECRET}}]}}
"""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# PagerDuty's delivery of a larger team: 3 KB as compact JSON.
_RESPONDERS = 8


def _example(package: str, *path: str) -> Any:
    return json.loads(files(package).joinpath(*path).read_bytes())


def _pack(name: str, example: str) -> Any:
    return _example("gitdailies_sources", "packs", name, "examples", f"{example}.payload.json")


def _scattered(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:40]


def _rising(number: int, digits: int = 13) -> str:
    return "".join(_CROCKFORD[number >> 5 * place & 31] for place in reversed(range(digits)))


def _signed(body: bytes) -> str:
    return hmac.digest(SECRET.encode(), body, "sha256").hex()


def _request(source: str, body: bytes, *headers: str) -> bytes:
    head = (
        f"POST /hooks/{source} HTTP/1.1",
        "host: relay",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _pagerduty(payload: Any, name: Callable[[int], str], number: int) -> bytes:
    event, incident = payload["event"], f"Q{name(number)[:13]}"
    event["id"], event["data"]["id"] = f"{event['event_type'][9]}{_rising(number, 25)}", incident
    body = json.dumps(payload, separators=(",", ":")).encode()
    return _request("pagerduty", body, f"x-pagerduty-signature: v1={_signed(body)}")


def _of_pagerduty(word: str, name: Callable[[int], str]) -> Callable[[int], bytes]:
    payload = _example("gitdailies_pagerduty", "examples", f"incident.{word}.payload.json")
    payload["event"]["data"]["assignees"] = payload["event"]["data"].get("assignees", []) * _RESPONDERS
    return partial(_pagerduty, payload, name)


def _opsgenie(payload: Any, number: int) -> bytes:
    payload["alert"]["alertId"] = _scattered(number)
    return _request("opsgenie", json.dumps(payload).encode(), f"x-relay-token: {SECRET}")


def _alertmanager(payload: Any, number: int) -> bytes:
    payload["alerts"][1:] = []
    payload["alerts"][0]["fingerprint"] = _scattered(number)[:16]
    return _request("alertmanager", json.dumps(payload).encode(), f"authorization: Bearer {SECRET}")


def _incident_io(payload: Any, number: int) -> bytes:
    # Both ids increase, as incident.io's do.
    name, now = _rising(number), int(time.time())
    payload[payload["event_type"]]["id"] = name
    body = json.dumps(payload).encode()
    digest = hmac.digest(SECRET.encode(), f"{name}.{now}.".encode() + body, "sha256")
    proof = f"webhook-signature: v1,{base64.b64encode(digest).decode()}"
    return _request("incident-io", body, f"webhook-id: {name}", f"webhook-timestamp: {now}", proof)


def _github(payload: Any, number: int) -> bytes:
    payload["deployment"].update(id=number, sha=_scattered(number))
    payload["deployment_status"]["id"] = payload["workflow_run"]["id"] = number
    body = json.dumps(payload).encode()
    return _request(
        "github",
        body,
        "x-github-event: deployment_status",
        f"x-github-delivery: deploy-{number}",
        f"x-hub-signature-256: sha256={_signed(body)}",
    )


def build(what: str, count: int) -> list[bytes]:
    """Build *count* different deliveries of one of `BUILDERS`."""
    make = BUILDERS[what]()
    return [make(number) for number in range(1, count + 1)]


BUILDERS: dict[str, Callable[[], Callable[[int], bytes]]] = {
    "pagerduty": lambda: _of_pagerduty("triggered", _rising),
    # The ids of most tools are in no order, which costs the indexes of the store more.
    "pagerduty, scattered": lambda: _of_pagerduty("triggered", _scattered),
    "pagerduty, ends": lambda: _of_pagerduty("resolved", _rising),
    "opsgenie": lambda: partial(_opsgenie, _pack("opsgenie", "Create")),
    "alertmanager": lambda: partial(_alertmanager, _pack("alertmanager", "group.firing")),
    "incident-io": lambda: partial(_incident_io, _pack("incident-io", "incident_created_v2.live")),
    "github": lambda: partial(_github, _pack("github", "deployment_status.success.actions")),
}
