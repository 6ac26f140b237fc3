"""What templates show of a stored event."""

from __future__ import annotations

import json
from typing import Any

from gitdailies_core.events.events import KINDS

from gitdailies_webhooks.events.queries import StoredEvent
from gitdailies_webhooks.pages.event_titles import title_of

TITLES = {kind.word: kind.title for kind in KINDS}


def event_view(row: StoredEvent) -> dict[str, Any]:
    """Return what templates show of an event."""
    body = json.loads(row.body)
    title = title_of(body)
    return {
        "seq": row.seq,
        "id": row.id,
        "body": body,
        "kind": body["kind"],
        "title": TITLES.get(body["kind"], body["kind"]),
        "subject": title.full,
        "short": title.short,
        "repo": body.get("repo", ""),
        "environment": body.get("environment", ""),
        "time": row.time,
        "received_at": row.received_at,
        "key": row.key,
    }
