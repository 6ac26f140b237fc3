"""Event ids. The same deploy or incident gets the same id at every attempt and on every path.

Never change the parts of an id: the receiver would count past events a second time.
"""

from __future__ import annotations

import hashlib
import re
from json.encoder import encode_basestring_ascii

_SELF_MADE = r"(deploy|incident|content)-[0-9a-f]{32}"


def is_self_made(id_: str) -> bool:
    """Return whether an id has the form of those that are made here. Every other id is a user's."""
    return re.fullmatch(_SELF_MADE, id_) is not None


def deploy_id(
    *,
    platform: str,
    run: str,
    sha: str,
    repo: str,
    environment: str | None,
    service: str | None,
    type: str | None,  # noqa: A002  the wire's word
    attempt: str | None = None,
) -> str:
    """Return the id of a deploy.

    *attempt* names an attempt of the run that deployed again; None is the first one. The receiver
    decides whether it was a separate deploy.
    """
    parts = [platform, run, sha.lower(), repo, environment, service, type or "deploy"]
    return _name("deploy", *parts, *([attempt] if attempt else []))


def incident_event_id(
    *,
    kind: str,
    source: str,
    incident: str,
    repo: str,
    environment: str | None,
    further: str | None,
    occurrence: str,
) -> str:
    """Return the id of the start or end of one occurrence of an incident at one target.

    *further* names a further service of the incident there. The first one may have other names elsewhere.
    """
    return _name("incident", source, incident, repo, environment, further, occurrence, kind)


def content_id(digest: str) -> str:
    """Return the id of an event that has a time but no id. *digest* is `Event.digest()`."""
    return "content-" + digest[:32]


def _name(prefix: str, *parts: str | None) -> str:
    # In a JSON list, ("a", "bc") differs from ("ab", "c") and None differs from "".
    text = ",".join(["null" if part is None else encode_basestring_ascii(part) for part in parts])
    return f"{prefix}-{hashlib.sha256(f'[{text}]'.encode()).hexdigest()[:32]}"
