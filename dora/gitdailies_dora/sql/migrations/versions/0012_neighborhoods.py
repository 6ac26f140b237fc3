"""Derived rows that one event can change alone: with commits, causes, and the last event included.

The derived rows are dropped. The first server that starts derives them again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("changes", "names", "repos", "deploys", "incidents"):
        op.drop_table(f"figures_{table}")
    op.execute("DELETE FROM figures_settings")
    op.drop_index("events_repo", "events")
    op.create_index("events_repo", "events", ["repo", "time"])
    there = sa.text("incident_id IS NOT NULL")
    op.create_index("events_incident", "events", ["incident_id"], sqlite_where=there, postgresql_where=there)
    op.create_table("figures_read", sa.Column("seq", sa.BigInteger, nullable=False))
    op.execute("INSERT INTO figures_read (seq) VALUES (0)")
    _changes()
    _deploys()
    _incidents()


def _changes() -> None:
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


def _deploys() -> None:
    op.create_table(
        "figures_deploys",
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("repo", _NAME, nullable=False),
        sa.Column("environment", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("rollback", sa.Integer, nullable=False),
        sa.Column("rework", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("unknown", sa.Integer, nullable=False),
        sa.Column("unknown_commits", sa.Integer, nullable=False),
        sa.Column("leads", sa.Text, nullable=False),
        sa.Column("recovery", sa.BigInteger),
        sa.Column("open", sa.Integer, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
    )
    for name, columns in (
        ("place", ["repo", "environment", "service", "at", "id"]),
        ("repo", ["repo", "environment", "at", "id"]),
        ("at", ["environment", "at"]),
    ):
        op.create_index(f"figures_deploys_{name}", "figures_deploys", columns)
    op.create_table(
        "figures_commits",
        sa.Column("repo", _NAME, primary_key=True),
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("key", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("deploy", _NAME, primary_key=True),
        sa.Column("sha", _NAME, primary_key=True),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("own", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        "figures_incidents",
        sa.Column("id", _NAME, primary_key=True),
        sa.Column("repo", _NAME, nullable=False),
        sa.Column("environment", _NAME, nullable=False),
        sa.Column("service", _NAME, nullable=False),
        sa.Column("incident_id", _NAME, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("merged", sa.Integer, nullable=False),
        sa.Column("cause", sa.Text),
        sa.Column("cause_key", sa.Integer),
        sa.Column("deploy", _NAME),
    )
    for name, columns in (
        ("repo", ["repo", "environment", "at"]),
        ("at", ["environment", "at"]),
        ("incident", ["repo", "incident_id"]),
        ("cause", ["repo", "environment", "cause_key"]),
        ("deploy", ["deploy"]),
    ):
        op.create_index(f"figures_incidents_{name}", "figures_incidents", columns)
