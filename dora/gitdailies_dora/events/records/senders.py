"""Who sends: one row a sender, kept on arrival, so that one that is silent is never forgotten.

Every place that stores or deletes events counts them here, in the same transaction.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_dora.figures.words.silence import patience

# Who sent an event, with the key, and when it arrived in microseconds.
Arrival: TypeAlias = tuple[tuple[int, str, int], int]

_NOTE = (
    "INSERT INTO senders (deploys, reporter, key_id, events, first_at, last_at, longest_pause)"
    " VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT (deploys, reporter, key_id) DO UPDATE SET"
    " events = senders.events + excluded.events, last_at = excluded.last_at, longest_pause ="
    " CASE WHEN senders.longest_pause > excluded.last_at - senders.last_at"
    " THEN senders.longest_pause ELSE excluded.last_at - senders.last_at END"
)
_SUBTRACT = "UPDATE senders SET events = events - ? WHERE deploys = ? AND reporter = ? AND key_id = ?"
_DELETE = "DELETE FROM senders WHERE events <= 0"
_ALL = (
    "SELECT deploys, reporter, keys.name, events, first_at, last_at, longest_pause FROM senders"
    " JOIN keys ON keys.id = key_id ORDER BY last_at DESC, deploys, reporter, key_id"
)


@dataclass(frozen=True)
class Sender:
    """Who sends one kind of thing: deploys, or incidents.

    *reporter* is what reported the deploys, or the source of the incidents, or "". *longest_pause* is None
    where all events arrived at once.
    """

    deploys: bool
    reporter: str
    key: str
    events: int
    first_at: datetime
    last_at: datetime
    longest_pause: timedelta | None

    def is_silent(self, now: datetime) -> bool:
        """Return whether it has been quiet for much longer than before."""
        return now - self.last_at > patience(self.longest_pause, deploys=self.deploys)


def note(session: Session, arrivals: Iterable[Arrival]) -> None:
    """Count the events of a batch: one row is written for each sender, however many events there are."""
    times = defaultdict[tuple[int, str, int], list[int]](list)
    for who, at in arrivals:
        times[who].append(at)
    session.executemany(_NOTE, [(*who, len(each), min(each), max(each)) for who, each in times.items()])


def forget(session: Session, events: Iterable[tuple[Mapping[str, Any], int]]) -> None:
    """Stop counting deleted events, each with its key. The time of the last arrival stays."""
    counted = Counter((*who_sent(event["kind"], event), key_id) for event, key_id in events)
    session.executemany(_SUBTRACT, [(number, *who) for who, number in counted.items()])
    session.execute(_DELETE)


def all_senders(session: Session) -> list[Sender]:
    """Return all senders, the one that sent last first."""
    return [
        Sender(bool(deploys), by, key, events, from_us(first), from_us(last), timedelta(0, 0, pause) or None)
        for deploys, by, key, events, first, last, pause in session.execute(_ALL)
    ]


def who_sent(kind: str, event: Event | Mapping[str, Any]) -> tuple[int, str]:
    """Return whether it is a deploy, and its reporter or its source."""
    deploys = kind == DEPLOYED
    return int(deploys), str(event.get("reporter" if deploys else "source") or "")
