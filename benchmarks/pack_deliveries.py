"""Prepared deliveries of source packs: examples, each with ids of its own, proved, as bytes of requests.

The bodies are as the vendors send them, indented or not. A group of Alertmanager has one alert.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import deliveries
from deliveries import SECRET, Request

_WHSEC = "whsec_" + base64.b64encode(SECRET.encode()).decode()
# The environment of the relay.
SECRETS = {"PAGERDUTY_SECRET": SECRET, "PACK_SECRET": SECRET, "INCIDENT_IO_SECRET": _WHSEC}
CONFIGURATION = """\
gitdailies: {{url: "{url}", key: {{env: GITDAILIES_WEBHOOK_KEY}}}}
relay: {{listen: "{listen}", status: "{status}", store: "{store}"}}
services:
  PCHKAPI: {{repo: larkspur/checkout-api, environment: production}}
  checkout-api: {{repo: larkspur/checkout-api, environment: production}}
sources:
  pagerduty: {{adapter: pagerduty, secrets: [{{env: PAGERDUTY_SECRET}}]}}
  opsgenie: {{adapter: opsgenie, header: X-Relay-Token, secrets: [{{env: PACK_SECRET}}]}}
  alertmanager: {{adapter: alertmanager, count: all, secrets: [{{env: PACK_SECRET}}]}}
  incident-io: {{adapter: incident-io, secrets: [{{env: INCIDENT_IO_SECRET}}]}}
  github: {{adapter: github, secrets: [{{env: PACK_SECRET}}]}}
"""


def _example(pack: str, name: str) -> Any:
    folder = files("gitdailies_sources").joinpath("packs", pack, "examples")
    return json.loads(folder.joinpath(f"{name}.payload.json").read_bytes())


def _id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:40]


def _request(path: str, identifier: str, body: bytes, *headers: str) -> Request:
    lines = (
        f"POST /hooks/{path} HTTP/1.1",
        "host: relay",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    )
    return Request(identifier, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def _opsgenie(first: int, count: int) -> list[Request]:
    payload = _example("opsgenie", "Create")

    def make(number: int) -> Request:
        payload["alert"]["alertId"] = _id(number)
        return _request("opsgenie", _id(number), json.dumps(payload).encode(), f"x-relay-token: {SECRET}")

    return [make(number) for number in range(first, first + count)]


def _alertmanager(first: int, count: int) -> list[Request]:
    payload = _example("alertmanager", "group.firing")
    payload["alerts"] = payload["alerts"][:1]

    def make(number: int) -> Request:
        payload["alerts"][0]["fingerprint"] = _id(number)[:16]
        body = json.dumps(payload).encode()
        return _request("alertmanager", _id(number)[:16], body, f"authorization: Bearer {SECRET}")

    return [make(number) for number in range(first, first + count)]


def _incident_io(first: int, count: int) -> list[Request]:
    payload = _example("incident-io", "incident_created_v2.live")
    now = int(time.time())

    def make(number: int) -> Request:
        # Both ids increase, as incident.io's do.
        identifier = deliveries.incident_id(number)
        payload[payload["event_type"]]["id"] = identifier
        body = json.dumps(payload).encode()
        signed = f"{identifier}.{now}.".encode() + body
        signature = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
        return _request(
            "incident-io",
            identifier,
            body,
            f"webhook-id: {identifier}",
            f"webhook-timestamp: {now}",
            f"webhook-signature: v1,{signature}",
        )

    return [make(number) for number in range(first, first + count)]


def _of_github(event: str, identifier: str, payload: Any) -> Request:
    body = json.dumps(payload).encode()
    return _request(
        "github",
        identifier,
        body,
        f"x-github-event: {event}",
        f"x-github-delivery: {identifier}",
        f"x-hub-signature-256: sha256={hmac.digest(SECRET.encode(), body, 'sha256').hex()}",
    )


def _deploys(first: int, count: int) -> list[Request]:
    payload = _example("github", "deployment_status.success.actions")

    def make(number: int) -> Request:
        payload["deployment"].update(id=number, sha=_id(number))
        payload["deployment_status"]["id"] = number
        payload["workflow_run"]["id"] = number
        return _of_github("deployment_status", f"deploy-{number}", payload)

    return [make(number) for number in range(first, first + count)]


def _pushes(first: int, count: int) -> list[Request]:
    payload = _example("github", "push.main")
    commit = payload["commits"][-1]

    def make(number: int) -> Request:
        payload.update(before=_id(number - 1), after=_id(number), commits=[{**commit, "id": _id(number)}])
        return _of_github("push", f"push-{number}", payload)

    return [make(number) for number in range(first, first + count)]


BUILDERS: dict[str, Callable[[int, int], list[Request]]] = {
    "pagerduty": lambda first, count: deliveries.build(count, first=first),
    # The ids of most tools are in no order, which costs the indexes of the store more.
    "pagerduty, scattered": lambda first, count: deliveries.build(count, scattered=True, first=first),
    "opsgenie": _opsgenie,
    "alertmanager": _alertmanager,
    "incident-io": _incident_io,
    "github": _deploys,
    "github pushes": _pushes,
}


def build(what: str, count: int, *, first: int = 1) -> list[Request]:
    """Build *count* different deliveries of one of `BUILDERS`, numbered from *first*."""
    return BUILDERS[what](first, count)
