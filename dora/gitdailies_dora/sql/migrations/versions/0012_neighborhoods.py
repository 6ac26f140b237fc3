"""What one event changes alone: which events are derived, which are noted to be derived again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.drop_index("events_repo", "events")
    op.create_index("events_repo", "events", ["repo", "time"])
    there = sa.text("incident_id IS NOT NULL")
    op.create_index("events_incident", "events", ["incident_id"], sqlite_where=there, postgresql_where=there)
    op.create_table("figures_read", sa.Column("seq", sa.BigInteger, nullable=False))
    op.execute("INSERT INTO figures_read (seq) VALUES (0)")
    # A store of 0010 or 0011 has another one.
    op.drop_table("figures_changes", if_exists=True)
    op.create_table(
        "figures_changes",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("incident_id", sa.Text),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("figures_changes_due", "figures_changes", ["due_at"])
