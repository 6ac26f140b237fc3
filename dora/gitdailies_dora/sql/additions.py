"""The table of senders, which a store may lack: it is made, and filled once, when the store is opened.

It needs no revision, because it is only added. So servers of the release before still open the store.
"""

from __future__ import annotations

from gitdailies_server.storage.database import Database, reading, transaction

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


def make_senders(database: Database) -> None:
    """Make the table of a store that lacks it, with the senders of its newest events."""
    with reading(database) as session:
        if database.has_table(session, "senders"):
            return
    field = "json_extract(body, '$.' || " if database.is_local else "json_extract_path_text(body::json, "
    with transaction(database) as session:
        session.execute(TABLE)
        session.execute(_FILL.format(field), (_MOST,))
