"""Tables that a store of a release before may lack: they are made, and filled once, when it is opened.

They need no revision, because they are only added. So servers of the release before still open the store.
"""

from gitdailies_server.storage.database import Database, Session, reading, transaction

from gitdailies_dora.sql import store_facts

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


_TABLES = {"senders": _make_senders, "store_facts": store_facts.make}
