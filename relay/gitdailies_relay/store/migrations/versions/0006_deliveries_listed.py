"""What a list of deliveries needs: indexes by delivery, and the requests that were refused."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = sa.text("replayed_at IS NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # A large table may take longer than a statement of a running server may.
        op.execute("SET LOCAL statement_timeout = 0")
    op.create_index("deliveries_delivery", "deliveries", ["delivery"])
    op.create_index("events_delivery", "events", ["delivery"])
    op.drop_index("quarantine_waiting", "quarantine")
    op.create_index(
        "quarantine_waiting",
        "quarantine",
        ["code", "delivery"],
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_table(
        "refusals",
        sa.Column("seq", _SEQUENCE, primary_key=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
    )
    op.create_index("refusals_last", "refusals", ["last_at"])
