"""The first schema. Its names are older than those of today; `0007_first_month` renames them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("proof", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("events", sa.Text, nullable=False),
    )
    _partial("deliveries_stored", "deliveries", ["source", "message"], "outcome = 'stored'", unique=True)
    op.create_index("deliveries_incident", "deliveries", ["incident"])
    op.create_table(
        "kept",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("replayed_at", sa.BigInteger),
    )
    # Bodies lie in their rows: counting what waits for a replay would read them all.
    _partial("kept_waiting", "kept", ["why"], "replayed_at IS NULL")
    op.create_table(
        "periods",
        *(
            sa.Column(name, sa.Text, primary_key=True)
            for name in ("destination", "source", "incident", "repo", "environment", "service", "name")
        ),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("merged_into", sa.Text),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    _partial("periods_waiting", "periods", ["destination", "source", "merged_into"], "state = 'merged'")
    op.create_table(
        "events",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("events_identity", "events", ["incident", "id", "destination"], unique=True)
    op.create_table(
        "pending",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("partition", sa.Text, nullable=False),
        sa.Column("head", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_attempt_at", sa.BigInteger),
        sa.Column("buried", sa.Text),
        sa.Column("claimed_until", sa.BigInteger),
    )
    _partial("pending_partition", "pending", ["partition", "seq"], "buried IS NULL")
    _partial("pending_due", "pending", ["due_at"], "head = 1 AND buried IS NULL")
    op.create_table(
        "attempts",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("event_seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("attempts_event", "attempts", ["event_seq"])
    op.create_table(
        "destinations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("paused", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
