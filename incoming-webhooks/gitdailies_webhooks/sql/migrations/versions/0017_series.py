"""Find remedied deploys, and unlinked and open incidents, by index; and store sums over weeks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# Name, table, columns, and the rows that are in the index.
INDEXES = (
    (
        "figures_deploys_remedied",
        "figures_deploys",
        ["environment", "at"],
        "counts = 1 AND remedied_at IS NOT NULL",
    ),
    ("figures_incidents_unlinked", "figures_incidents", ["environment", "at"], "deploy IS NULL"),
    ("figures_incidents_open", "figures_incidents", ["environment"], "ended_at IS NULL"),
)


def upgrade() -> None:
    for name, table, columns, which in INDEXES:
        where = sa.text(which)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "packed_weeks",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "packed_sums",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("repo", _NAME, primary_key=True),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("deploys", "rework", "unknown", "unknown_commits")
        ),
        sa.Column("leads", sa.Text, nullable=False),
    )
