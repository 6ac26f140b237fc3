"""What a relay's store says, as JSON has it."""

import json
from typing import Any

from gitdailies_connection.relay.answers import RelayStatus, for_json
from gitdailies_relay.operations import deliveries, reading
from gitdailies_relay.operations.status import status as read_status
from gitdailies_server.storage.database import Session, Size

# The status of a relay that received nothing.
IDLE = RelayStatus(
    paused=(),
    waiting=0,
    held=0,
    waiting_for_push=0,
    retrying=0,
    refused=0,
    dead_letters=0,
    oldest_waiting_since=None,
    open_incidents=0,
    oldest_open_incident_since=None,
    last_attempt=None,
    receiver=None,
    quarantined={},
    sources={},
    deliveries={},
    replays={},
    bytes=0,
    free_bytes=0,
    server=None,
)


def plain(answer: object) -> Any:
    """Return an answer as a program reads it."""
    return json.loads(json.dumps(answer, default=for_json))


def status(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = plain(read_status(session, (), Size(0, 0), None))
    return found


def failed(session: Session) -> dict[str, Any]:
    found: dict[str, Any] = plain(deliveries.failed(session))
    return found


def explain(session: Session, incident: str) -> dict[str, Any]:
    found: dict[str, Any] = plain(reading.timeline(session, incident))
    return found
