"""Rows from which figures are computed, one for each deploy and incident, derived from the events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0002"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_index("events_repo", "events", ["repo"])
    op.create_table(
        "figures_changes",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "figures_names",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
    )
    op.create_table(
        "figures_repos",
        sa.Column("repo", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "figures_deploys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("service", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("rework", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Integer, nullable=False),
        sa.Column("unknown_commits", sa.Integer, nullable=False),
        sa.Column("leads", sa.Text, nullable=False),
        sa.Column("recovery", sa.BigInteger),
        sa.Column("open", sa.Integer, nullable=False),
    )
    op.create_index("figures_deploys_repo", "figures_deploys", ["repo", "environment", "at"])
    op.create_index("figures_deploys_at", "figures_deploys", ["environment", "at"])
    op.create_table(
        "figures_incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.Column("service", sa.Text),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("deploy", sa.Text),
    )
    op.create_index("figures_incidents_repo", "figures_incidents", ["repo", "environment", "at"])
    op.create_index("figures_incidents_at", "figures_incidents", ["environment", "at"])
    op.create_table(
        "figures_settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    # The first server that starts derives the events that are already stored.
    op.execute(
        "INSERT INTO figures_changes (repo, due_at)"
        " SELECT DISTINCT repo, 0 FROM events WHERE repo IS NOT NULL"
    )
