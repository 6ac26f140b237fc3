"""Sign-in with accounts of other systems, read tokens of people, what people decide, and rare rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LIVE_KEY = sa.text("deleted_at IS NULL AND person_id IS NULL")
_LIVE_TOKEN = sa.text("deleted_at IS NULL AND person_id IS NOT NULL")
# Indexes of what is rare among many deploys and incidents: name, table, columns, and the rows that are in it.
_RARE = (
    (
        "figures_deploys_remedied",
        "figures_deploys",
        ["environment", "at"],
        "counts = 1 AND remedied_at IS NOT NULL",
    ),
    ("figures_incidents_unlinked", "figures_incidents", ["environment", "at"], "deploy IS NULL"),
    ("figures_incidents_open", "figures_incidents", ["environment"], "ended_at IS NULL"),
)


def upgrade() -> None:
    _tokens()
    _identities()
    _pending_sign_ins()
    _screens()
    _decisions()
    _judged_deploys()
    for name, table, columns, which in _RARE:
        rows = sa.text(which)
        op.create_index(name, table, columns, sqlite_where=rows, postgresql_where=rows)
    _packed_weeks()


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


def _judged_deploys() -> None:
    op.add_column("figures_deploys", sa.Column("judged", sa.Text, nullable=False, server_default=""))
    judged = sa.text("judged <> ''")
    op.create_index(
        "figures_deploys_judged", "figures_deploys", ["id"], sqlite_where=judged, postgresql_where=judged
    )


def _packed_weeks() -> None:
    """Sums of figures over weeks, by repository."""
    op.create_table(
        "packed_weeks",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("holds_from", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "packed_sums",
        sa.Column("environment", _NAME, primary_key=True),
        sa.Column("began", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("repo", _NAME, primary_key=True),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("deploys", "rework", "unknown_deploys", "unknown_commits")
        ),
        sa.Column("leads", sa.Text, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("recoveries", sa.Text, nullable=False),
        sa.Column("remedied", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("still_open", "unlinked", "unlinked_72h")
        ),
    )
