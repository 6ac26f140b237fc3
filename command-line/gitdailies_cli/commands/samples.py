"""The example commands that `gitdailies up` prints: deliveries in the form of each vendor.

Each is one line of POSIX shell. It reads keys and secrets from their files, so none is printed, and it
creates new ids and times each time it runs.
"""

from __future__ import annotations

import json
from shlex import quote
from typing import Any

_NEW_ID = "$(openssl rand -hex 10)"
_NOW = "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
_NOW_MS = "$(date +%s)000"


def deploy(data: str, webhooks: str) -> str:
    """A deploy of a new commit."""
    body = {
        "kind": "deployed",
        "repo": "larkspur/checkout-api",
        "branch": "main",
        "environment": "production",
        "commitSHA": "$(openssl rand -hex 20)",
    }
    return f"{_curl(data, 'webhook-key', 'webhook-key', body)} {webhooks}/webhooks"


def pagerduty(data: str, relay: str) -> str:
    """A signed V3 delivery."""
    body = {
        "event": {
            "id": _NEW_ID,
            "event_type": "incident.triggered",
            "resource_type": "incident",
            "occurred_at": _NOW,
            "data": {
                "id": f"Q{_NEW_ID}",
                "type": "incident",
                "status": "triggered",
                "created_at": _NOW,
                "title": "Checkout returns 502 for card payments",
                "service": {"id": "PCHKAPI", "type": "service_reference", "summary": "checkout-api"},
                "urgency": "high",
            },
        }
    }
    secret = _read(data, "pagerduty-secret")
    signature = f'$(printf %s "$body" | openssl dgst -sha256 -hmac "{secret}" | sed "s/.*= //")'
    return (
        f'body="{_shell(body)}"; curl -sS -H "content-type: application/json"'
        f' -H "x-pagerduty-signature: v1={signature}" --data-binary "$body" {relay}/hooks/pagerduty'
    )


def datadog(data: str, relay: str) -> str:
    """A delivery of the recommended monitor template."""
    body = {
        "schema": "datadog-monitor",
        "event_id": _NEW_ID,
        "transition": "Triggered",
        "alert_type": "error",
        "monitor_id": "51840021",
        "cycle_key": _NEW_ID,
        "title": "[Triggered on {env:prod,service:checkout-api}] Checkout error rate is high",
        "date_ms": _NOW_MS,
        "service": "checkout-api",
        "env": "production",
        "tags": "env:production,service:checkout-api",
    }
    return f"{_curl(data, 'x-relay-token', 'datadog-token', body)} {relay}/hooks/datadog"


def squadcast(data: str, relay: str) -> str:
    """A V2 delivery."""
    body = {
        "version": "v2",
        "event": {"id": _NEW_ID, "type": "incident.triggered", "resource": "incident", "timestamp": _NOW},
        "data": {
            "resource_type": "incident",
            "resource_data": {
                "id": _NEW_ID,
                "message": "Checkout error rate is high",
                "service": {"id": "65aa1203d7e3f40019b7c2b4", "name": "Checkout API", "slug": "checkout-api"},
                "status": "triggered",
                "created_at": _NOW,
            },
        },
    }
    return f"{_curl(data, 'x-relay-token', 'squadcast-token', body)} {relay}/hooks/squadcast"


def events(data: str, webhooks: str) -> str:
    """All events in incoming webhooks."""
    return f'curl -sS -H "webhook-key: {_read(data, "read-key")}" {webhooks}/api/events'


def _curl(data: str, header: str, file: str, body: Any) -> str:
    return (
        f'curl -sS -H "content-type: application/json" -H "{header}: {_read(data, file)}"'
        f' --data-binary "{_shell(body)}"'
    )


def _read(data: str, file: str) -> str:
    return f"$(cat {quote(f'{data}/{file}')})"


def _shell(body: Any) -> str:
    """Write JSON for double quotes in the shell, where only our own $(…) run."""
    return json.dumps(body, separators=(",", ":")).replace('"', '\\"')
