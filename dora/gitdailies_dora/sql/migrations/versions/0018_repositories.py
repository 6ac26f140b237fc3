"""The names of repositories have a table: to find them among the events took a step for each name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

# One step in the index for each name: the next larger one.
_FILL = """
INSERT INTO repositories (name)
WITH RECURSIVE known(name) AS (
 SELECT min(repo) FROM events
 UNION ALL
 SELECT (SELECT min(repo) FROM events WHERE repo > known.name) FROM known WHERE known.name IS NOT NULL
)
SELECT name FROM known WHERE name IS NOT NULL
"""


def upgrade() -> None:
    op.create_table("repositories", sa.Column("name", sa.Text, primary_key=True), sqlite_with_rowid=False)
    op.execute(_FILL)
