"""What people decide: corrections of events, and lines of the review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("deploy", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "acknowledgements",
        sa.Column("line", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("acknowledgements_at", "acknowledgements", ["at"])
    op.add_column("figures_deploys", sa.Column("judged", sa.Text, nullable=False, server_default=""))
    judged = sa.text("judged <> ''")
    op.create_index(
        "figures_deploys_judged", "figures_deploys", ["id"], sqlite_where=judged, postgresql_where=judged
    )
