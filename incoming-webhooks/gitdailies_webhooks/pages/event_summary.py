"""What pages show of a stored event: its title, where it happened, and facts with their links."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitdailies_core.events.events import KINDS

from gitdailies_webhooks.events.listing import StoredEvent
from gitdailies_webhooks.pages.event_links import commit_url, event_url, events_url, repository_url
from gitdailies_webhooks.pages.event_titles import title_of

TITLES = {kind.word: kind.title for kind in KINDS}
# Fields of an event that its page names.
_FACTS = (
    ("service", "Service"),
    ("branch", "Branch"),
    ("run", "Run"),
    ("attempt", "Attempt"),
    ("reporter", "Reported by"),
    ("severity", "Severity"),
    ("source", "Source"),
)


def event_summary(row: StoredEvent) -> dict[str, Any]:
    """Return what templates show of an event."""
    body = json.loads(row.body)
    title = title_of(body)
    return {
        "seq": row.seq,
        "id": row.id,
        "body": body,
        "kind": body["kind"],
        "title": TITLES.get(body["kind"], body["kind"]),
        "heading": title.heading,
        "short": title.short,
        "repo": body.get("repo", ""),
        "repo_url": repository_url(str(body.get("repo", ""))),
        "href": event_url(row.id, body["kind"]),
        "commit": _commit(body),
        "facts": _facts(body),
        "environment": body.get("environment", ""),
        "time": row.time,
        "received_at": row.received_at,
        "key": row.key,
    }


def _commit(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the whole commit of a deploy with its address; None if the event has none."""
    if not (sha := body.get("commitSHA")):
        return None
    return str(sha), commit_url(str(body.get("url", "")), str(body.get("repo", "")), str(sha))


def _facts(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return more facts of an event: name, text, and address or ""."""
    facts = []
    if incident := body.get("incidentId"):
        facts.append(("Incident", str(incident), events_url(incidentId=str(incident))))
    facts += [(title, str(body[name]), "") for name, title in _FACTS if isinstance(body.get(name), str)]
    if str(body.get("url", "")).startswith(("https://", "http://")):
        facts.append(("Link", str(body["url"]), str(body["url"])))
    return facts
