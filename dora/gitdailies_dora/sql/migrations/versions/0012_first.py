"""The first schema: keys, events, audit lines, people, what git says, and what is to be derived.

It has no tables of derived rows: revision 0018 makes them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _keys_and_events()
    _people()
    _git()
    _figures()


def _keys_and_events() -> None:
    op.create_table(
        "keys",
        sa.Column("id", _SEQUENCE, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("last4", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("allow", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
    )
    live = sa.text("deleted_at IS NULL")
    op.create_index("keys_live_name", "keys", ["name"], unique=True, sqlite_where=live, postgresql_where=live)
    op.create_table(
        "events",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("time_given", sa.Integer, nullable=False),
        sa.Column("repo", sa.Text),
        sa.Column("environment", sa.Text),
        sa.Column("service", sa.Text),
        sa.Column("incident_id", sa.Text),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_time", "events", ["kind", "time"])
    op.create_index("events_repo", "events", ["repo", "time"])
    there = sa.text("incident_id IS NOT NULL")
    op.create_index("events_incident", "events", ["incident_id"], sqlite_where=there, postgresql_where=there)
    op.create_table(
        "audit",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", _SEQUENCE, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("signed_in_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
    )
    there = sa.text("removed_at IS NULL")
    op.create_index(
        "people_name", "people", ["folded"], unique=True, sqlite_where=there, postgresql_where=there
    )
    op.create_table(
        "invitations",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("invited_by", sa.BigInteger, sa.ForeignKey("people.id")),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("person_id", sa.BigInteger, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )


def _git() -> None:
    """Store what git says that deploys brought, and the facts about commits that this follows from."""
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


def _figures() -> None:
    """Note the settings of figures, which events are derived, and which are to be derived again."""
    op.create_table(
        "figures_settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table("figures_read", sa.Column("seq", sa.BigInteger, nullable=False))
    op.execute("INSERT INTO figures_read (seq) VALUES (0)")
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
