"""What a team's first month needs of the store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    _lists_of_repositories()
    _links_for_new_passwords()
    _wrong_requests()
    _erased_events()


def _lists_of_repositories() -> None:
    """Find the events of a repository in the order of arrival."""
    op.create_index("events_repo_seq", "events", ["repo", "seq"])


def _erased_events() -> None:
    """Recognize a repeat of an erased event by a hash of its id."""
    op.create_table(
        "erased_events",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _wrong_requests() -> None:
    op.create_table(
        "wrong_requests",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_index("wrong_requests_key", "wrong_requests", ["key_id"])


def _links_for_new_passwords() -> None:
    op.add_column("invitations", sa.Column("person_id", sa.BigInteger))
