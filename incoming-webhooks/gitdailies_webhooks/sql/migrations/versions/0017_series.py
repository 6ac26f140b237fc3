"""Find what is rare among many deploys and incidents: remedied ones, unlinked ones, open ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

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
