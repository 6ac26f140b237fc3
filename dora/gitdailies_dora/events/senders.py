"""Who sent the newest events: which reporters, with which keys, and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from gitdailies_core.events.events import DEPLOYED
from gitdailies_server.storage.database import Session

from gitdailies_dora.events.listing import StoredEvent, newest_events
from gitdailies_dora.figures.words.silence import patience

# The number of events that are read, which takes milliseconds.
LOOKED_AT = 2_000


@dataclass(frozen=True)
class Sender:
    """Who sends one kind of thing: deploys, or incidents.

    *reporter* is what reported the deploys, or the source of the incidents, or "". *longest_pause* is None
    after a single event.
    """

    deploys: bool
    reporter: str
    key: str
    events: int
    last_at: datetime
    longest_pause: timedelta | None

    def is_silent(self, now: datetime) -> bool:
        """Return whether it has been quiet for much longer than before."""
        return now - self.last_at > patience(self.longest_pause, deploys=self.deploys)


def senders_of(events: Iterable[StoredEvent]) -> list[Sender]:
    """Return the senders of events, the one that sent last first."""
    times: dict[tuple[bool, str, str], list[datetime]] = {}
    for event in events:
        body = json.loads(event.body)
        deploys = body.get("kind") == DEPLOYED
        reporter = str(body.get("reporter" if deploys else "source", ""))
        times.setdefault((deploys, reporter, event.key), []).append(event.received_at)
    found = [_sender(*who, sorted(received)) for who, received in times.items()]
    return sorted(found, key=lambda sender: sender.last_at, reverse=True)


def newest_senders(session: Session) -> list[Sender]:
    """Return the senders of the newest events inside a transaction, the one that sent last first."""
    return senders_of(newest_events(session, limit=LOOKED_AT))


def _sender(deploys: bool, reporter: str, key: str, received: Sequence[datetime]) -> Sender:
    pauses = [later - earlier for earlier, later in pairwise(received)]
    return Sender(deploys, reporter, key, len(received), received[-1], max(pauses, default=None))
