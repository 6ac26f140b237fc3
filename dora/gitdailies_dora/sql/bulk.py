"""Statements about many rows or bytes: one text and one round trip, however many rows there are.

PostgreSQL gets the rows as one array a column. SQLite gets them written out in the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson
from gitdailies_server.storage.database import Session

# How many rows SQLite gets at once. Few sizes keep the number of prepared statements small. The
# largest has fewer parameters than any build of SQLite accepts.
_SIZES = (64, 16, 4, 1)
# The types of PostgreSQL, by the first letter of a column that is inserted.
_TYPES, _TEXT = {"+": "bigint", "#": "bytea"}, "text"


class Lookup(NamedTuple):
    """A query that finds rows of `table` for each row of the table `given`.

    `table` is a name and its alias, `where` compares the alias with `given`. Where several indexes would
    do, `order_by` names a column: the index that has this order is used. PostgreSQL cannot choose the
    right index by itself while it has no statistics of a table.
    """

    select: str
    table: str
    where: str
    order_by: str = ""


def takes_lists(session: Session) -> bool:
    """Whether a parameter may be a list of values: on PostgreSQL."""
    return getattr(session, "takes_lists", False)


def among_sql(session: Session) -> str:
    """Return the condition that a column has one of many values, which `among` makes a parameter of."""
    return "= ANY(:ids)" if takes_lists(session) else "IN (SELECT value FROM json_each(:ids))"


def among(session: Session, values: Sequence[str]) -> Any:
    """Return many values as one parameter."""
    return list(values) if takes_lists(session) else orjson.dumps(list(values)).decode()


def lookup_many(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], lookup: Lookup | str, *parameters: Any
) -> Iterator[tuple[Any, ...]]:
    """Run *lookup* for *rows*, which are the table `given` with *columns*; yield what it finds.

    A string selects from `given` alone. *parameters* are those of the lookup itself. A column holds
    whole numbers or text, and no null.
    """
    if not rows:
        return
    if takes_lists(session):
        whole = tuple(isinstance(value, int) for value in rows[0])
        lists = [list(column) for column in zip(*rows, strict=True)]
        yield from session.execute(_with_arrays(columns, whole, lookup), (*lists, *parameters)).fetchall()
        return
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            values = [value for row in rows[done : done + size] for value in row]
            yield from session.execute(_with_values(columns, size, lookup), (*values, *parameters)).fetchall()
            done += size


def stream_bytes(session: Session, statement: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query whose columns are numbers and many bytes.

    Until the last row, the session must not be used for anything else.
    """
    stream = session.stream_binary if takes_lists(session) else session.execute  # type: ignore[attr-defined]
    yield from stream(statement, parameters)


def insert_many(
    session: Session, table: str, columns: str, rows: Sequence[Sequence[Any]], *, in_order: bool = False
) -> None:
    """Insert *rows*; a column holds text, or whole numbers where its name begins with "+", bytes with "#".

    With *in_order*, numbers that the database gives to the rows increase from one row to the next.
    """
    if not rows:
        return
    # A statement for one row is prepared once; one with lists is planned each time.
    if takes_lists(session) and len(rows) > 1:
        lists = [list(column) for column in zip(*rows, strict=True)]
        session.executemany(_insert_arrays(table, columns, in_order=in_order), [lists])
    else:
        session.executemany(_insert_row(table, columns), rows)


def execute_many(session: Session, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run *statement* once for each of *rows*; without rows, make no round trip."""
    if rows:
        session.executemany(statement, rows)


@cache
def _insert_arrays(table: str, columns: str, *, in_order: bool) -> str:
    names, plain = columns.split(", "), _plain(columns)
    given = f"unnest({', '.join(f'?::{_TYPES.get(name[0], _TEXT)}[]' for name in names)})"
    if in_order:
        given += f" WITH ORDINALITY AS given({plain}, number) ORDER BY number"
    return f"INSERT INTO {table} ({plain}) SELECT {plain if in_order else '*'} FROM {given}"  # noqa: S608


@cache
def _insert_row(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({_plain(columns)}) VALUES ({marks})"  # noqa: S608


def _plain(columns: str) -> str:
    return columns.replace("+", "").replace("#", "")


@cache
def _with_arrays(columns: str, whole: tuple[bool, ...], lookup: Lookup | str) -> str:
    arrays = ", ".join(f"?::{'bigint' if one else 'text'}[]" for one in whole)
    given = f"FROM unnest({arrays}) AS given({columns})"
    if isinstance(lookup, str):
        return f"SELECT {lookup} {given}"
    # OFFSET 0 makes PostgreSQL look into an index once for each row. Without statistics of a table it
    # would scan the whole table instead, and compare each row with those given.
    alias, order = lookup.table.split()[-1], lookup.order_by and f" ORDER BY {lookup.order_by}"
    return (
        f"SELECT {lookup.select} {given} CROSS JOIN LATERAL"  # noqa: S608  text of this project
        f" (SELECT * FROM {lookup.table} WHERE {lookup.where}{order} OFFSET 0) {alias}"
    )


@cache
def _with_values(columns: str, size: int, lookup: Lookup | str) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    given = f"WITH given({columns}) AS (VALUES {', '.join([row] * size)})"
    if isinstance(lookup, str):
        return f"{given} SELECT {lookup} FROM given"  # noqa: S608  text of this project
    return f"{given} SELECT {lookup.select} FROM given CROSS JOIN {lookup.table} WHERE {lookup.where}"  # noqa: S608
