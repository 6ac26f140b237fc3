"""The first schema. Its names are older than those of today; `0007_first_month` renames them."""

import sqlalchemy as sa
from alembic import op
from gitdailies_server.storage.revisions import SEQUENCE, keys, numbers, partial_index, texts

revision = "0002"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        *texts("source", "message", "incident", "word", "proof", "outcome", "reason", "events"),
    )
    partial_index("deliveries_stored", "deliveries", ["source", "message"], "outcome = 'stored'", unique=True)
    op.create_index("deliveries_incident", "deliveries", ["incident"])
    op.create_table(
        "kept",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("delivery", sa.Text, nullable=False, unique=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        *texts("source", "why", "reason", "content_type"),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("replayed_at", sa.BigInteger),
    )
    # Bodies lie in their rows: counting what waits for a replay would read them all.
    partial_index("kept_waiting", "kept", ["why"], "replayed_at IS NULL")
    op.create_table(
        "periods",
        *keys("destination", "source", "incident", "repo", "environment", "service", "name"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("merged_into", sa.Text),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    partial_index("periods_waiting", "periods", ["destination", "source", "merged_into"], "state = 'merged'")
    op.create_table(
        "events",
        sa.Column("seq", SEQUENCE, primary_key=True),
        *texts("id", "destination", "source", "incident", "delivery"),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("events_identity", "events", ["incident", "id", "destination"], unique=True)
    op.create_table(
        "pending",
        sa.Column("seq", SEQUENCE, primary_key=True),
        *texts("destination", "partition"),
        sa.Column("head", sa.Integer, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_attempt_at", sa.BigInteger),
        sa.Column("buried", sa.Text),
        sa.Column("claimed_until", sa.BigInteger),
    )
    partial_index("pending_partition", "pending", ["partition", "seq"], "buried IS NULL")
    partial_index("pending_due", "pending", ["due_at"], "head = 1 AND buried IS NULL")
    op.create_table(
        "attempts",
        sa.Column("seq", SEQUENCE, primary_key=True),
        *numbers("event_seq", "at"),
        sa.Column("status", sa.Integer),
        *texts("verdict", "reason"),
    )
    op.create_index("attempts_event", "attempts", ["event_seq"])
    op.create_table(
        "destinations",
        sa.Column("name", sa.Text, primary_key=True),
        *texts("paused", "reason"),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
