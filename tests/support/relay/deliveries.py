"""Deliveries as the vendors send them, signed: made of the adapters' examples with other ids and times."""

import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import requests
from gitdailies_core.contract import checks
from gitdailies_core.sources import registry

SECRETS = {
    "pagerduty-secret": "pd-secret-4f1c0b7a9e",
    "old-secret": "pd-secret-before-77aa",
    "datadog-token": "dd-token-0c9b8a7d6e",
    "squadcast-token": "sq-token-5a6b7c8d9e",
}
TOKEN_HEADER = "X-Relay-Token"
JSON = "application/json"
STARTED_AT, ENDED_AT = "2026-03-04T09:12:41Z", "2026-03-04T10:02:18Z"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Delivery:
    """A body and its headers, for one source."""

    source: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, url: str, session: Any = requests, timeout: float = 20.0) -> requests.Response:
        """Send it, and return the answer, whatever its status."""
        answer: requests.Response = session.post(
            f"{url}/hooks/{self.source}", data=self.body, headers=self.headers, timeout=timeout
        )
        return answer


def pagerduty(
    word: str,
    incident: str,
    *,
    at: str = STARTED_AT,
    created_at: str = STARTED_AT,
    reopened_at: str | None = None,
    service: str = "checkout-api",
    merged_into: str | None = None,
    source: str = "pagerduty",
    event: str = "",
    **changes: Any,
) -> Delivery:
    """Make a V3 delivery of the event type *word*; *changes* replace fields of its incident."""
    merged = merged_into is not None
    body = json.loads(example("pagerduty", "incident.resolved.merged" if merged else "incident.triggered"))
    data = body["event"]["data"]
    body["event"].update(id=event or f"01EVENT{next(_numbers):06}", event_type=word, occurred_at=at)
    data.update(id=incident, created_at=created_at, **changes)
    data["service"] = {"id": f"P-{service}", "summary": service}
    if merged:
        data["resolve_reason"]["incident"]["id"] = merged_into
    if reopened_at is not None:
        data["reopened_at"] = reopened_at
    return signed(json.dumps(body, indent=1).encode(), source=source)


def signed(
    body: bytes, *, source: str = "pagerduty", secret: str = "pagerduty-secret", text: str = ""
) -> Delivery:
    """Sign a body as PagerDuty does, with a secret of SECRETS or another *text*."""
    signature = hmac.new((text or SECRETS[secret]).encode(), body, hashlib.sha256).hexdigest()
    return Delivery(source, body, {"content-type": JSON, "x-pagerduty-signature": f"v1={signature}"})


def tokened(source: str, body: bytes, content_type: str = JSON) -> Delivery:
    """Give a body the token of its source."""
    return Delivery(source, body, {"content-type": content_type, TOKEN_HEADER: SECRETS[f"{source}-token"]})


def in_json(source: str, body: Any, **headers: str) -> Delivery:
    """Make a delivery of *body* in JSON; _ in the name of a header is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(source, json.dumps(body).encode(), {"content-type": JSON, **named})


def datadog(name: str, **changes: Any) -> Delivery:
    """Make a delivery of Datadog's example *name*; *changes* replace its fields."""
    body = {**json.loads(example("datadog", name)), "event_id": f"79{next(_numbers):06}", **changes}
    return tokened("datadog", json.dumps(body).encode())


def squadcast(name: str, incident: str, *, service: str = "checkout-api") -> Delivery:
    """Make a v2 delivery of Squadcast's example *name* for another incident."""
    body = json.loads(example("squadcast", name))
    body["event"]["id"] = f"69a7{next(_numbers):06}"
    body["data"]["resource_data"]["id"] = incident
    body["data"]["resource_data"]["service"] = {"id": f"s-{service}", "name": service, "slug": service}
    return tokened("squadcast", json.dumps(body).encode())


def example(adapter: str, name: str) -> bytes:
    """Return the body of an adapter's example."""
    return _examples(adapter)[name]


@cache
def _examples(adapter: str) -> dict[str, bytes]:
    return {one.name: one.request.body for one in checks.examples(registry.adapter(adapter))}
