"""Counters in buckets, so that relays on one database write rows of their own."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007", "0006"

# The columns of each table that a bucket is one part of, and the others.
_TABLES = {
    "outcome_counts": (["source", "is_replay", "outcome"], ["messages"]),
    "source_days": (["source", "day"], ["deliveries", "first_at", "last_at", "longest_gap"]),
}
_TYPES = {"source": sa.Text, "outcome": sa.Text, "is_replay": sa.Integer}


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, (key, others) in _TABLES.items():
        if on_postgresql:
            op.add_column(table, sa.Column("bucket", sa.Integer, nullable=False, server_default="0"))
            op.drop_constraint(f"{table}_pkey", table)
            op.create_primary_key(f"{table}_pkey", table, [*key, "bucket"])
        else:
            _make_again(table, key, others)


def _make_again(table: str, key: list[str], others: list[str]) -> None:
    """Write a table with another key. SQLite cannot change the key of a table."""
    old = f"{table}_without_bucket"
    op.rename_table(table, old)
    op.create_table(
        table,
        *(sa.Column(name, _TYPES.get(name, sa.BigInteger), primary_key=True) for name in key),
        sa.Column("bucket", sa.Integer, primary_key=True, server_default="0"),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in others),
        sqlite_with_rowid=False,
    )
    columns = ", ".join([*key, *others])
    op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {old}")
    op.drop_table(old)
