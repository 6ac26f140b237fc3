"""What goes with events that were deleted: all that other tables say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from gitdailies_server.storage.database import Session

from gitdailies_dora.events.records import change_log, corrections, senders, spellings

# The end of a statement that deletes events; `forget` takes what it returns.
DELETED = "RETURNING id, repo, incident_id, key_id, body, received_at"


def forget(session: Session, deleted: Sequence[Sequence[Any]], now: int) -> None:
    """Forget deleted events inside the same transaction, and have the figures derived without them."""
    corrections.delete(session, (id_ for id_, *_ in deleted))
    spellings.forget(session, (repo for _, repo, *_ in deleted))
    senders.forget(session, ((orjson.loads(body), key) for *_, key, body, _ in deleted))
    noted = [(id_, repo, incident) for id_, repo, incident, *_ in deleted if repo is not None]
    change_log.note_changes(session, noted, now)
