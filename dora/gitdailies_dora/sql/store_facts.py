"""What a store says about itself, in a table that a store of a release before may lack.

Its epoch is a word that a restore replaces. A cursor has it, so one of the time before a restore is known.
"""

import secrets

from gitdailies_server.storage.database import Database, Session

_TABLE = "CREATE TABLE IF NOT EXISTS store_facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)"
_PUT = (
    "INSERT INTO store_facts (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_EPOCH, _PROBE = "epoch", "probe"


def make(_: Database, session: Session) -> None:
    """Make the table of a store that lacks it."""
    session.execute(_TABLE)
    begin_epoch(session)


def begin_epoch(session: Session) -> None:
    """Make every cursor of the time before invalid."""
    session.execute(_PUT, (_EPOCH, secrets.token_hex(4)))


def touch(session: Session, text: str) -> None:
    """Write *text* into a row that no query reads."""
    session.execute(_PUT, (_PROBE, text))
