"""Sign-in with accounts of other systems, read tokens of people, and what people decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_LIVE_KEY = sa.text("deleted_at IS NULL AND person_id IS NULL")
_LIVE_TOKEN = sa.text("deleted_at IS NULL AND person_id IS NOT NULL")


def upgrade() -> None:
    _tokens()
    _identities()
    _pending_sign_ins()
    _screens()
    _decisions()


def _tokens() -> None:
    """A read token is a key with a person. Its name is unique among the tokens of that person."""
    op.add_column("keys", sa.Column("person_id", sa.BigInteger))
    op.drop_index("keys_live_name", "keys")
    op.create_index(
        "keys_live_name", "keys", ["name"], unique=True, sqlite_where=_LIVE_KEY, postgresql_where=_LIVE_KEY
    )
    op.create_index(
        "keys_token_name",
        "keys",
        ["person_id", "name"],
        unique=True,
        sqlite_where=_LIVE_TOKEN,
        postgresql_where=_LIVE_TOKEN,
    )


def _identities() -> None:
    op.create_table(
        "identities",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("identities_person", "identities", ["person_id"])


def _pending_sign_ins() -> None:
    op.create_table(
        "pending_sign_ins",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("browser", sa.LargeBinary, nullable=False),
        sa.Column("next", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )


def _screens() -> None:
    """Links with which a screen on a wall shows figures."""
    op.create_table(
        "screens",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
    )


def _decisions() -> None:
    """Corrections of events, and lines of the review."""
    op.create_table(
        "corrections",
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("deploy", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "acknowledgements",
        sa.Column("line", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("acknowledgements_at", "acknowledgements", ["at"])
