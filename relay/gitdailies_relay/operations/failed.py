"""Dead letters and quarantined deliveries, a page at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

# The dead letters behind a number, in order.
_DEAD_LETTERS = (
    "SELECT o.seq, e.id, e.source, e.incident, e.stored_at, o.attempts, o.dead_letter"
    " FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.dead_letter IS NOT NULL AND o.seq > ?"
    " ORDER BY o.seq LIMIT ?"
)
# The quarantined deliveries behind a number that wait for a replay.
_QUARANTINED = (
    "SELECT seq, delivery, source, received_at, code, reason FROM quarantine"
    " WHERE replayed_at IS NULL AND seq > ? ORDER BY seq LIMIT ?"
)
_HOW_MANY = (
    "SELECT count(*) FROM outbox WHERE dead_letter IS NOT NULL",
    "SELECT count(*) FROM quarantine WHERE replayed_at IS NULL",
)


@dataclass(frozen=True)
class Place:
    """The last number of each list that was shown. As text it is what `--after` takes."""

    dead_letter: int = 0
    quarantined: int = 0

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read the text of a place; raises UsageError."""
        found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", text)
        if found is None:
            raise UsageError(
                f"--after: expected what the page before ends with, like 1000-20, got {got(text)}"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.dead_letter}-{self.quarantined}"


def failed(session: Session, limit: int = 1000, after: Place = Place()) -> dict[str, Any]:
    """Return at most *limit* dead letters and as many quarantined deliveries, with their reasons.

    `total` counts all of both lists. `next` is where the next page begins, None on the last one.
    """
    dead_letters = session.execute(_DEAD_LETTERS, (after.dead_letter, limit + 1)).fetchall()
    quarantined = session.execute(_QUARANTINED, (after.quarantined, limit + 1)).fetchall()
    more = len(dead_letters) > limit or len(quarantined) > limit
    dead_letters, quarantined = dead_letters[:limit], quarantined[:limit]
    place = Place(
        dead_letters[-1][0] if dead_letters else after.dead_letter,
        quarantined[-1][0] if quarantined else after.quarantined,
    )
    counts = [session.execute(statement).fetchone()[0] for statement in _HOW_MANY]
    return {
        "deadLetters": [
            {
                "id": id_,
                "source": source,
                "incident": incident,
                "storedAt": text_of(from_us(stored_at)),
                "attempts": attempts,
                "reason": reason,
            }
            for _, id_, source, incident, stored_at, attempts, reason in dead_letters
        ],
        "quarantined": [
            {
                "delivery": delivery,
                "source": source,
                "receivedAt": text_of(from_us(received_at)),
                "code": code,
                "reason": reason,
            }
            for _, delivery, source, received_at, code, reason in quarantined
        ],
        "total": {"deadLetters": counts[0], "quarantined": counts[1]},
        "next": str(place) if more else None,
    }
