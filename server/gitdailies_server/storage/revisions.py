"""What revisions write often. Only they import this module, since importing Alembic takes long."""

from typing import Any

import sqlalchemy as sa
from alembic import op

# The type of a number that the database gives each row.
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def keys(*names: str) -> list[sa.Column[Any]]:
    """Return columns of text that are the primary key, or part of it."""
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def texts(*names: str) -> list[sa.Column[Any]]:
    """Return columns of text that every row has."""
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def numbers(*names: str) -> list[sa.Column[Any]]:
    """Return columns of 64-bit numbers that every row has."""
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """Make an index of the rows for which *where* is true."""
    rows = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=rows, postgresql_where=rows)
