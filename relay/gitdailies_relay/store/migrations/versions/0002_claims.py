"""Claims: servers that share a database do not send the same event at once. One index less, one more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("pending", sa.Column("claimed_until", sa.BigInteger))
    # Numbers follow the order of receipt, so that the oldest are found without it.
    op.drop_index("deliveries_received", "deliveries")
    # Kept bodies lie in their rows: counting what waits for a replay would read them all.
    condition = sa.text("replayed_at IS NULL")
    op.create_index("kept_waiting", "kept", ["why"], sqlite_where=condition, postgresql_where=condition)
