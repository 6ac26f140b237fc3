"""One delivery: what came, what was decided, its events with every attempt, and what people did about it."""

from __future__ import annotations

import base64
import json
from typing import Any

from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_relay.operations import reports
from gitdailies_relay.operations.actions import actions_on

_MESSAGES = (
    "SELECT delivery, received_at, source, word, proof, outcome, reason, events FROM deliveries"
    " WHERE delivery = ? ORDER BY seq"
)
_INCIDENTS = "SELECT DISTINCT incident FROM deliveries WHERE delivery = ? AND incident <> ''"
_DELIVERY_OF_EVENT = "SELECT delivery FROM events WHERE id = ?"
_EVENTS = f"{reports.EVENTS} WHERE e.delivery = ? ORDER BY e.seq"
# The stored body, in whichever table.
_BODY = (
    "SELECT received_at, source, code, reason, content_type, headers, body, replayed_at{discarded}"
    " FROM {table} WHERE delivery = ?"
)
_BODIES = (
    ("quarantined", _BODY.format(table="quarantine", discarded=", discarded")),
    ("ignored", _BODY.format(table="ignored", discarded=", CAST(NULL AS TEXT)")),
)


def show(session: Session, id_: str) -> dict[str, Any] | None:
    """Return a delivery, named by its own id or by that of an event of it; None if the store has neither.

    The body is text, or base64 where it is no UTF-8. It is stored only for a delivery that was
    quarantined, filtered or ignored, and for a time. Of one that was counted, the events are.
    """
    delivery = id_
    messages = reports.messages(session, _MESSAGES, delivery)
    if not messages:
        row = session.execute(_DELIVERY_OF_EVENT, (id_,)).fetchone()
        if row is None:
            return None
        (delivery,) = row
        messages = reports.messages(session, _MESSAGES, delivery)
    incidents = [incident for (incident,) in session.execute(_INCIDENTS, (delivery,)).fetchall()]
    events = [reports.event_of(session, row) for row in session.execute(_EVENTS, (delivery,)).fetchall()]
    return {
        "delivery": delivery,
        "receivedAt": messages[0]["receivedAt"] if messages else None,
        "source": messages[0]["source"] if messages else None,
        "incidents": incidents,
        "messages": messages,
        "stored": _stored(session, delivery),
        "events": events,
        "actions": actions_on(session, [delivery, *(event["id"] for event in events)]),
    }


def _stored(session: Session, delivery: str) -> dict[str, Any] | None:
    """Return the body with its headers, and why it is stored; where a replay moved it, from its new table."""
    found: dict[str, Any] | None = None
    for state, statement in _BODIES:
        row = session.execute(statement, (delivery,)).fetchone()
        if row is None or (found is not None and row[7] is not None):
            continue
        _, _, code, reason, content_type, headers, body, replayed_at, discarded = row
        found = {
            "state": "discarded" if discarded is not None else state if replayed_at is None else "replayed",
            "code": code,
            "reason": reason if discarded is None else discarded,
            "replayedAt": None if replayed_at is None else text_of(from_us(replayed_at)),
            "headers": json.loads(headers) if headers else {"content-type": content_type},
            **_text(bytes(body)),
        }
    return found


def _text(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"bodyBase64": base64.b64encode(body).decode()}
