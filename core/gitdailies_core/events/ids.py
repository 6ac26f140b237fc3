"""Event ids. The same deploy or incident gets the same id at every attempt and on every path.

Never change the parts of an id: the receiver would count past events a second time.
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
    """Return the id of a deploy. Its parts stay the same when the CI job runs again."""
    return _name("deploy", platform, run, sha.lower(), repo, environment, service, type or "deploy")


def incident_event_id(
    *,
    kind: str,
    source: str,
    incident: str,
    repo: str,
    environment: str | None,
    service: str | None,
    occurrence: str,
) -> str:
    """Return the id of the start or end of one occurrence of an incident at one target."""
    return _name("incident", source, incident, repo, environment, service, occurrence, kind)


def content_id(digest: str) -> str:
    """Return the id of an event that has a time but no id. *digest* is `Event.digest()`."""
    return "content-" + digest[:32]


def _name(prefix: str, *parts: str | None) -> str:
    # As a JSON list, ("a", "bc") differs from ("ab", "c") and None differs from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"
