"""Wrong requests with a valid key: what was wrong, and when first and last. Owners see them at the key.

Nobody reads the answer of a pipeline's curl line. The same mistake is one line, however often it is made,
and each key keeps its newest ones. Each function runs inside a transaction of its caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us, to_us

MOST_KEPT = 50
_LONGEST_DETAIL = 500

# Note that a mistake was made again, or for the first time.
_AGAIN = "UPDATE wrong_requests SET last_at = ? WHERE key_id = ? AND problem = ? AND detail = ?"
_FIRST = "INSERT INTO wrong_requests (key_id, problem, detail, first_at, last_at) VALUES (?, ?, ?, ?, ?)"
# Delete what is older than the newest mistakes of a key; all of a key.
_PRUNE = """
DELETE FROM wrong_requests WHERE key_id = ? AND seq NOT IN
 (SELECT seq FROM wrong_requests WHERE key_id = ? ORDER BY last_at DESC, seq DESC LIMIT ?)
"""
_DELETE = "DELETE FROM wrong_requests WHERE key_id = ?"
# The mistakes of a key, or of all keys, the last first; the keys with a mistake since a moment.
_NEWEST = """
SELECT problem, detail, first_at, last_at, key_id FROM wrong_requests {}
ORDER BY last_at DESC, seq DESC LIMIT 100
"""
_KEYS = "SELECT DISTINCT key_id FROM wrong_requests WHERE last_at >= ?"


@dataclass(frozen=True)
class WrongRequest:
    """A mistake of a key: the word of the problem, its detail, and when it was made first and last."""

    problem: str
    detail: str
    first_at: datetime
    last_at: datetime
    key_id: int


def note_wrong(session: Session, key_id: int, wrong: Iterable[tuple[str, str]], now: datetime) -> None:
    """Note mistakes of a key, each a problem's word and its detail."""
    at = to_us(now)
    for problem, detail in wrong:
        mistake = (key_id, problem, detail[:_LONGEST_DETAIL])
        if session.execute(_AGAIN, (at, *mistake)).rowcount == 0:
            session.execute(_FIRST, (*mistake, at, at))
    session.execute(_PRUNE, (key_id, key_id, MOST_KEPT))


def wrong_requests(session: Session, key_id: int | None = None) -> list[WrongRequest]:
    """Return the newest mistakes of a key, or of all keys, the last first."""
    where, values = ("", ()) if key_id is None else ("WHERE key_id = ?", (key_id,))
    rows = session.execute(_NEWEST.format(where), values).fetchall()
    return [
        WrongRequest(problem, detail, from_us(first), from_us(last), of)
        for problem, detail, first, last, of in rows
    ]


def keys_gone_wrong(session: Session, since: datetime) -> frozenset[int]:
    """Return the numbers of keys with a mistake since a moment."""
    return frozenset(key_id for (key_id,) in session.execute(_KEYS, (to_us(since),)).fetchall())


def forget_wrong(session: Session, key_id: int) -> None:
    """Delete the mistakes of a key."""
    session.execute(_DELETE, (key_id,))
