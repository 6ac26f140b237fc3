"""Standard words: quarantine, occurrences and outbox, and the words that rows hold.

Tables, columns and indexes get new names, which moves no rows. The values that were words of our
own are rewritten. Nothing is deleted, and a crash leaves the schema before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = {"kept": "quarantine", "periods": "occurrences", "pending": "outbox"}
_COLUMNS = (
    ("quarantine", "why", "code"),
    ("outbox", "head", "is_next"),
    ("outbox", "buried", "dead_letter"),
    ("outbox", "claimed_until", "leased_until"),
)
# The old name of each partial index, the new one, and what it is made of.
_INDEXES = (
    ("kept_waiting", "quarantine_waiting", "quarantine", ["code"], "replayed_at IS NULL"),
    (
        "periods_waiting",
        "occurrences_merged",
        "occurrences",
        ["destination", "source", "merged_into"],
        "state = 'merged'",
    ),
    ("pending_partition", "outbox_partition", "outbox", ["partition", "seq"], "dead_letter IS NULL"),
    ("pending_due", "outbox_due", "outbox", ["due_at"], "is_next = 1 AND dead_letter IS NULL"),
)
# PostgreSQL names keys and sequences after the table, but does not rename them with it.
_POSTGRESQL_NAMES = (
    ("INDEX", "kept_pkey", "quarantine_pkey"),
    ("INDEX", "kept_delivery_key", "quarantine_delivery_key"),
    ("SEQUENCE", "kept_seq_seq", "quarantine_seq_seq"),
    ("INDEX", "periods_pkey", "occurrences_pkey"),
    ("INDEX", "pending_pkey", "outbox_pkey"),
    ("SEQUENCE", "pending_seq_seq", "outbox_seq_seq"),
)
_CODES = {"shape": "unexpected_payload", "unreadable": "invalid_json"}
_VERDICTS = {"done": "delivered", "again": "retry", "buried": "dead_letter"}


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        # A large table may take longer than a statement of a running server may.
        op.execute("SET LOCAL statement_timeout = 0")
    for old, new in _TABLES.items():
        op.execute(f"ALTER TABLE {old} RENAME TO {new}")
    for table, old, new in _COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    if on_postgresql:
        for kind, old, new in (*_POSTGRESQL_NAMES, *(("INDEX", *index[:2]) for index in _INDEXES)):
            op.execute(f"ALTER {kind} {old} RENAME TO {new}")
    else:
        for old, new, table, columns, where in _INDEXES:
            op.drop_index(old, table)
            op.create_index(new, table, columns, sqlite_where=sa.text(where))
    _replace_words("deliveries", "outcome", _CODES)
    _replace_words("quarantine", "code", _CODES)
    if on_postgresql:
        # Nearly every row changes. Writing the table once is faster than a second version of each row.
        op.execute(f"ALTER TABLE attempts ALTER COLUMN verdict TYPE TEXT USING {_new('verdict', _VERDICTS)}")
    else:
        _replace_words("attempts", "verdict", _VERDICTS)


def _replace_words(table: str, column: str, words: dict[str, str]) -> None:
    old = ", ".join(f"'{word}'" for word in words)
    op.execute(f"UPDATE {table} SET {column} = {_new(column, words)} WHERE {column} IN ({old})")


def _new(column: str, words: dict[str, str]) -> str:
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in words.items())
    return f"CASE {column} {cases} ELSE {column} END"
