"""What git says that deploys brought, and the facts about commits that this follows from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "git_commits",
        sa.Column("repo", sa.Text, primary_key=True),
        sa.Column("named", sa.Text, primary_key=True),
        sa.Column("sha", sa.Text, nullable=False),
    )
    op.create_table(
        "git_pairs",
        sa.Column("repo", sa.Text, primary_key=True),
        sa.Column("earlier", sa.Text, primary_key=True),
        sa.Column("later", sa.Text, primary_key=True),
        sa.Column("cut", sa.Integer, nullable=False),
        sa.Column("ahead", sa.Text, nullable=False),
        sa.Column("behind", sa.Text, nullable=False),
    )
    op.create_table(
        "git_told",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("unknown", sa.Text, nullable=False),
        sa.Column("commits", sa.Text, nullable=False),
    )
    op.create_index("git_told_repo", "git_told", ["repo"])
