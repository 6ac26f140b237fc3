"""The first schema: keys, events, audit lines, people, what git says, and what is to be derived.

It has no tables of derived rows: revision 0018 makes them.
"""

import sqlalchemy as sa
from alembic import op
from gitdailies_server.storage.revisions import SEQUENCE, keys, numbers, partial_index, texts

revision = "0012"
down_revision = None


def upgrade() -> None:
    _keys_and_events()
    _people()
    _git()
    _figures()


def _keys_and_events() -> None:
    op.create_table(
        "keys",
        sa.Column("id", SEQUENCE, primary_key=True),
        *texts("name", "prefix", "last4"),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("allow", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
    )
    partial_index("keys_live_name", "keys", ["name"], "deleted_at IS NULL", unique=True)
    op.create_table(
        "events",
        sa.Column("seq", SEQUENCE, primary_key=True),
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
    partial_index("events_incident", "events", ["incident_id"], "incident_id IS NOT NULL")
    op.create_table(
        "audit",
        sa.Column("seq", SEQUENCE, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *texts("actor", "action", "subject", "detail"),
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", SEQUENCE, primary_key=True),
        *texts("name", "folded", "role", "password"),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("signed_in_at", sa.BigInteger),
        sa.Column("removed_at", sa.BigInteger),
    )
    partial_index("people_name", "people", ["folded"], "removed_at IS NULL", unique=True)
    op.create_table(
        "invitations",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("invited_by", sa.BigInteger, sa.ForeignKey("people.id")),
        *numbers("created_at", "expires_at"),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("person_id", sa.BigInteger, sa.ForeignKey("people.id"), nullable=False),
        *numbers("created_at", "seen_at"),
    )


def _git() -> None:
    """Store what git says that deploys brought, and the facts about commits that this follows from."""
    op.create_table(
        "git_commits",
        *keys("repo", "named"),
        sa.Column("sha", sa.Text, nullable=False),
    )
    op.create_table(
        "git_pairs",
        *keys("repo", "earlier", "later"),
        sa.Column("cut", sa.Integer, nullable=False),
        *texts("ahead", "behind"),
    )
    op.create_table(
        "git_told",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        *texts("unknown", "commits"),
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
        sa.Column("seq", SEQUENCE, primary_key=True),
        *texts("id", "repo"),
        sa.Column("incident_id", sa.Text),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("figures_changes_due", "figures_changes", ["due_at"])
