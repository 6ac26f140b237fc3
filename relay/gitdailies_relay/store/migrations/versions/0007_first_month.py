"""Standard words, and what a team's first month needs of the store.

Tables and columns get new names, which moves no rows. The values that were words of our own are rewritten.
Nothing is deleted, and a crash leaves the schema before.
"""

import sqlalchemy as sa
from alembic import op
from gitdailies_server.storage.revisions import SEQUENCE, keys, numbers, partial_index, texts

revision = "0007"
down_revision = "0002"

_TABLES = {"kept": "quarantine", "periods": "occurrences", "pending": "outbox"}
_COLUMNS = (
    ("quarantine", "why", "code"),
    ("outbox", "head", "is_next"),
    ("outbox", "buried", "dead_letter"),
    ("outbox", "claimed_until", "leased_until"),
)
_NEXT = "is_next = 1 AND dead_letter IS NULL"
_MERGED = ["destination", "source", "merged_into"]
# The old name of each partial index, the new one, and what it is made of.
_INDEXES = (
    ("periods_waiting", "occurrences_merged", "occurrences", _MERGED, "state = 'merged'"),
    ("pending_partition", "outbox_partition", "outbox", ["partition", "seq"], "dead_letter IS NULL"),
    ("pending_due", "outbox_due", "outbox", ["due_at"], _NEXT),
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
    for kind, old, new in _POSTGRESQL_NAMES if on_postgresql else ():
        op.execute(f"ALTER {kind} {old} RENAME TO {new}")
    for old, new, table, columns, where in _INDEXES:
        op.drop_index(old, table)
        partial_index(new, table, columns, where)
    _replace_words("deliveries", "outcome", _CODES)
    _replace_words("quarantine", "code", _CODES)
    _replace_words("attempts", "verdict", _VERDICTS)
    _bodies()
    _count_messages()
    _actions()
    _isolate_events()
    _remember_pushes()
    _list_deliveries()


def _replace_words(table: str, column: str, words: dict[str, str]) -> None:
    for old, new in words.items():
        op.execute(f"UPDATE {table} SET {column} = '{new}' WHERE {column} = '{old}'")


def _bodies() -> None:
    """Store headers and a digest with a body, and the bodies of deliveries that gave no event."""
    op.add_column("quarantine", sa.Column("headers", sa.Text, nullable=False, server_default=""))
    # The body is stored without the fields of people; the digest is that of the body as it came.
    op.add_column("quarantine", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    op.drop_index("kept_waiting", "quarantine")
    partial_index("quarantine_waiting", "quarantine", ["code", "delivery"], "replayed_at IS NULL")
    op.create_table(
        "ignored",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        *texts("source", "code", "reason", "content_type"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("replayed_at", sa.BigInteger),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
    )
    # The state is in it, so that a count looks up no row.
    partial_index("occurrences_open", "occurrences", ["started_at", "state"], "state IN ('open', 'merged')")


def _count_messages() -> None:
    """Count messages by outcome and deliveries by day, so that no report reads every delivery.

    Counters are in buckets, so that relays on one database write rows of their own.
    """
    op.create_table(
        "outcome_counts",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("is_replay", sa.Integer, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True, server_default="0"),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO outcome_counts (source, is_replay, outcome, messages)"
        " SELECT source, is_replay, outcome, count(*) FROM (SELECT source, outcome,"
        " CASE WHEN proof = 'replay' THEN 1 ELSE 0 END AS is_replay FROM deliveries) AS d"
        " GROUP BY source, is_replay, outcome"
    )
    op.create_table(
        "source_days",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True, server_default="0"),
        *numbers("deliveries", "first_at", "last_at", "longest_gap"),
        sqlite_with_rowid=False,
    )
    # A delivery with several messages has several rows.
    op.execute(
        "INSERT INTO source_days (source, day, deliveries, first_at, last_at, longest_gap)"
        " SELECT source, day, count(*), min(at), max(at), coalesce(max(gap), 0) FROM"
        " (SELECT source, day, at, at - lag(at) OVER (PARTITION BY source, day ORDER BY at) AS gap FROM"
        " (SELECT source, delivery, min(received_at) AS at, min(received_at) / 86400000000 AS day"
        " FROM deliveries WHERE proof <> 'replay' GROUP BY source, delivery) AS one) AS gaps"
        " GROUP BY source, day"
    )


def _actions() -> None:
    """Remember what people did, and what a receiver answered to each attempt."""
    op.add_column("events", sa.Column("discarded", sa.Text))
    op.add_column("quarantine", sa.Column("discarded", sa.Text))
    op.add_column("attempts", sa.Column("answer", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "actions",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *texts("person", "action", "subject", "reason"),
    )
    op.create_index("actions_subject", "actions", ["subject"])


def _isolate_events() -> None:
    """Count refusals of an event, find tried and held events apart, and remember what each receiver is."""
    op.add_column("outbox", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("refused_at", sa.BigInteger))
    op.add_column("outbox", sa.Column("held_until", sa.BigInteger))
    partial_index("outbox_dead_letters", "outbox", ["seq"], "dead_letter IS NOT NULL")
    partial_index(
        "outbox_tried", "outbox", ["due_at"], "is_next = 1 AND dead_letter IS NULL AND attempts > 0"
    )
    partial_index("outbox_held", "outbox", ["held_until"], "held_until IS NOT NULL")
    op.create_table(
        "receivers",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False, server_default=""),
        sa.Column("kind", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("resumed", sa.BigInteger, nullable=False, server_default="0"),
    )


def _remember_pushes() -> None:
    """Remember pushes and deploys for the lead time, deploys that wait for them, ends without recovery."""
    op.add_column("occurrences", sa.Column("resolution", sa.Text))
    op.create_table(
        "pushed_commits",
        *keys("repo", "sha", "branch"),
        sa.Column("parent", sa.Text, nullable=False),
        sa.Column("committed_at", sa.BigInteger),
        sa.Column("is_merge", sa.Integer, nullable=False),
        sa.Column("reverts", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("pushed_commits_age", "pushed_commits", ["received_at"])
    op.create_table(
        "deployed_commits",
        *keys("repo", "environment", "service"),
        sa.Column("deployed_at", sa.BigInteger, primary_key=True),
        sa.Column("sha", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waiting_deploys",
        sa.Column("event_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        *texts("repo", "environment", "service"),
        sa.Column("deployed_at", sa.BigInteger, nullable=False),
        *texts("sha", "branch", "previous", "message", "reason"),
        sqlite_with_rowid=False,
    )
    op.create_index("waiting_deploys_repo", "waiting_deploys", ["repo"])


def _list_deliveries() -> None:
    """List deliveries by indexes, and the requests that were refused."""
    op.create_index("deliveries_delivery", "deliveries", ["delivery"])
    op.create_index("events_delivery", "events", ["delivery"])
    op.create_table(
        "refusals",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("status", sa.Integer, nullable=False),
        *texts("source", "client", "reason"),
        *numbers("requests", "first_at", "last_at"),
    )
    op.create_index("refusals_last", "refusals", ["last_at"])
