"""What a team's first month needs of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TRIED = "is_next = 1 AND dead_letter IS NULL AND attempts > 0"
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A large table may take longer than a statement of a running server may.
        op.execute("SET LOCAL statement_timeout = 0")
    _bodies()
    _count_messages()
    _actions()
    _isolate_events()
    _remember_pushes()


def _bodies() -> None:
    """Store headers and a digest with a body, and the bodies of deliveries that gave no event."""
    op.add_column("quarantine", sa.Column("headers", sa.Text, nullable=False, server_default=""))
    # The body is stored without the fields of people; the digest is that of the body as it came.
    op.add_column("quarantine", sa.Column("digest", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "ignored",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("replayed_at", sa.BigInteger),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False, server_default=""),
    )
    condition = sa.text("state IN ('open', 'merged')")
    op.create_index(
        "occurrences_open",
        "occurrences",
        # The state is in it, so that a count looks up no row.
        ["started_at", "state"],
        sqlite_where=condition,
        postgresql_where=condition,
    )


def _count_messages() -> None:
    """Count messages by outcome and deliveries by day, so that no report reads every delivery."""
    op.create_table(
        "outcome_counts",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("is_replay", sa.Integer, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
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
        sa.Column("deliveries", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("longest_gap", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    condition = sa.text("dead_letter IS NOT NULL")
    op.create_index(
        "outbox_dead_letters", "outbox", ["seq"], sqlite_where=condition, postgresql_where=condition
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
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("actions_subject", "actions", ["subject"])


def _isolate_events() -> None:
    """Count refusals of an event, find tried and held events apart, and remember what each receiver is."""
    op.add_column("outbox", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("refused_at", sa.BigInteger))
    where = sa.text(_TRIED)
    op.create_index("outbox_tried", "outbox", ["due_at"], sqlite_where=where, postgresql_where=where)
    op.add_column("outbox", sa.Column("held_until", sa.BigInteger))
    is_held = sa.text("held_until IS NOT NULL")
    op.create_index("outbox_held", "outbox", ["held_until"], sqlite_where=is_held, postgresql_where=is_held)
    op.create_table(
        "receivers",
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("address", sa.Text, nullable=False, server_default=""),
        sa.Column("kind", sa.Text, nullable=False, server_default=""),
        sa.Column("since", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("resumed", sa.BigInteger, nullable=False, server_default="0"),
    )


def _remember_pushes() -> None:
    """Remember pushes and deploys for the lead time, and ends that are no recovery."""
    op.add_column("occurrences", sa.Column("resolution", sa.Text))
    op.create_table(
        "pushed_commits",
        sa.Column("repo", sa.Text, primary_key=True),
        sa.Column("sha", sa.Text, primary_key=True),
        sa.Column("branch", sa.Text, primary_key=True),
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
        sa.Column("repo", sa.Text, primary_key=True),
        sa.Column("environment", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("deployed_at", sa.BigInteger, primary_key=True),
        sa.Column("sha", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )
