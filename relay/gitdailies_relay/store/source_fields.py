"""The fields that each source sent, for `field_drift`. A crash, or a second relay, loses some.

A store of a release before lacks the table, and which pack read a delivery. Both are added when it is opened.
They need no revision, because nothing else changes: servers of the release before still open the store.
"""

import time
from collections.abc import Sequence

import structlog
from gitdailies_server.storage.database import Database, Session, reading, transaction

from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.field_drift import fields_of, is_missing, with_more

LOG = structlog.get_logger("gitdailies.relay")
# Every delivery where they come slowly. What comes faster is written with one that comes later.
WRITE_SECONDS = 5.0
COLUMN = "ALTER TABLE deliveries ADD COLUMN {} pack TEXT NOT NULL DEFAULT ''"
TABLE = """
CREATE TABLE IF NOT EXISTS source_fields (
 source TEXT NOT NULL, field TEXT NOT NULL, reader TEXT NOT NULL, seen TEXT NOT NULL,
 PRIMARY KEY (source, field)) {}
"""
_FORGET = "DELETE FROM source_fields WHERE source = ? AND reader <> ?"
_SEEN = "SELECT source, field, reader, seen FROM source_fields ORDER BY source, field"
_PUT = (
    "INSERT INTO source_fields (source, field, reader, seen) VALUES (?,?,?,?)"
    " ON CONFLICT (source, field) DO UPDATE SET seen = excluded.seen"
)


def add_missing(database: Database) -> None:
    """Add the table and the column, together, to a store that lacks them."""
    with reading(database) as session:
        if database.has_table(session, "source_fields"):
            return
    # Another relay may add them at the same time, but none to a file.
    again, kind = ("", "WITHOUT ROWID") if database.is_local else ("IF NOT EXISTS", "")
    with transaction(database) as session:
        session.execute(COLUMN.format(again))
        session.execute(TABLE.format(kind))


class SourceFields:
    """The fields seen since the last write, by source and reader (a pack with what decides), and by field."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[str, str]] = {}
        self._write_at = 0.0

    def add(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        """Note the fields of *deliveries*, write them now and then, and log those that became missing."""
        for read in (one.interpretation for one in deliveries if one.interpretation.deciding):
            noted = self._seen.setdefault((read.source, f"{read.pack} {', '.join(read.deciding)}"), {})
            for field, there in fields_of([one.message for one in read.messages], read.deciding).items():
                noted[field] = noted.get(field, "") + str(int(there))
        if time.monotonic() < self._write_at:
            return
        before = seen(session)
        for (source, reader), fields in sorted(self._seen.items()):
            # What another reader saw says nothing about this one.
            session.execute(_FORGET, (source, reader))
            for field, more in sorted(fields.items()):
                was = before.get((source, field, reader), "")
                session.execute(_PUT, (source, field, reader, with_more(was, more)))
                if is_missing(with_more(was, more)) and not is_missing(was):
                    LOG.warning("field missing", source=source, field=field)
        self._seen, self._write_at = {}, time.monotonic() + WRITE_SECONDS


def seen(session: Session) -> dict[tuple[str, str, str], str]:
    """Return the fields that were seen, by source, field and reader."""
    return {(source, field, reader): text for source, field, reader, text in session.execute(_SEEN)}
