"""The settings with which figures were derived, and an index that finds the events of a repository.

What is derived is in other tables today: revision 0018 makes them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("events_repo", "events", ["repo"])
    op.create_table(
        "figures_settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
