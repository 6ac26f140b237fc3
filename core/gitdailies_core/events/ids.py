"""Names of events: the same for the same thing, at every attempt, on every path.

The parts of each name are decided once and for all; changing them counts history twice.
"""

from __future__ import annotations

import hashlib
from json.encoder import encode_basestring_ascii


def deploy_id(
    *,
    platform: str,
    run: str,
    sha: str,
    repo: str,
    environment: str | None,
    service: str | None,
    type: str | None,  # noqa: A002  the wire's word
) -> str:
    """Name a deploy by what a re-run of the same CI job repeats."""
    return _name("deploy", platform, run, sha.lower(), repo, environment, service, type or "deploy")


def incident_event_id(
    *,
    kind: str,
    source: str,
    incident: str,
    repo: str,
    environment: str | None,
    service: str | None,
    period: str,
) -> str:
    """Name a start or an end of one period of an incident at one target."""
    return _name("incident", source, incident, repo, environment, service, period, kind)


def content_id(digest: str) -> str:
    """Name an event that carries a time but no id, from all its fields."""
    return "content-" + digest[:32]


def _name(prefix: str, *parts: str | None) -> str:
    # A JSON list keeps ("a", "bc") apart from ("ab", "c") and None from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"
