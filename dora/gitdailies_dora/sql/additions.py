"""Tables that a store of a release before may lack: they are made, and filled once, when it is opened.

They need no revision, because they are only added. So servers of the release before still open the store.

The epoch is a word that a restore replaces. A cursor has it, so one of the time before a restore is known.
"""

import secrets

from gitdailies_server.storage.database import Database, Session, reading, transaction

# Events from which the rows of an existing store are made: a million of them take a few seconds.
_MOST = 1_000_000
TABLE = """
CREATE TABLE IF NOT EXISTS senders (
 deploys INTEGER NOT NULL, reporter TEXT NOT NULL, key_id BIGINT NOT NULL, events BIGINT NOT NULL,
 first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, longest_pause BIGINT NOT NULL,
 PRIMARY KEY (deploys, reporter, key_id))
"""
_FILL = """
INSERT INTO senders
SELECT deploys, reporter, key_id, count(*), min(received_at), max(received_at), coalesce(max(pause), 0)
FROM (
 SELECT deploys, reporter, key_id, received_at, received_at - lag(received_at)
  OVER (PARTITION BY deploys, reporter, key_id ORDER BY received_at) AS pause
 FROM (
  SELECT CASE kind WHEN 'deployed' THEN 1 ELSE 0 END AS deploys, key_id, received_at,
   coalesce(CASE kind WHEN 'deployed' THEN {0}'reporter') ELSE {0}'source') END, '') AS reporter
  FROM events WHERE seq > (SELECT max(seq) FROM events) - ?) AS known) AS paused
GROUP BY deploys, reporter, key_id ON CONFLICT DO NOTHING
"""
_FACTS = "CREATE TABLE IF NOT EXISTS store_facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)"
_PUT = (
    "INSERT INTO store_facts (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_EPOCH, _PROBE = "epoch", "probe"


def make_tables(database: Database) -> None:
    """Make the tables that a store lacks."""
    with reading(database) as session:
        missing = [make for name, make in _TABLES.items() if not database.has_table(session, name)]
    if missing:
        with transaction(database) as session:
            for make in missing:
                make(database, session)


def _make_senders(database: Database, session: Session) -> None:
    """Make the table of senders, with those of the newest events."""
    field = "json_extract(body, '$.' || " if database.is_local else "json_extract_path_text(body::json, "
    session.execute(TABLE)
    session.execute(_FILL.format(field), (_MOST,))


def _make_facts(_: Database, session: Session) -> None:
    session.execute(_FACTS)
    begin_epoch(session)


def begin_epoch(session: Session) -> None:
    """Make every cursor of the time before invalid."""
    session.execute(_PUT, (_EPOCH, secrets.token_hex(4)))


def touch(session: Session, text: str) -> None:
    """Write *text* into a row that no query reads."""
    session.execute(_PUT, (_PROBE, text))


_TABLES = {"senders": _make_senders, "store_facts": _make_facts}
