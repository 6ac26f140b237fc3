"""Rename `git_told` to `git_deploys`: what git says that each deploy brought. Every row is kept.

The rows are copied, since a renamed table would keep the old names of its key and index.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "git_deploys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.Text, nullable=False),
        sa.Column("commits", sa.Text, nullable=False),
    )
    op.execute(
        "INSERT INTO git_deploys (id, repo, at, unknown, commits)"
        " SELECT id, repo, at, unknown, commits FROM git_told"
    )
    op.drop_table("git_told")
    op.create_index("git_deploys_repo", "git_deploys", ["repo"])
