"""Statements about many rows or bytes: one text and one round trip, however many rows there are.

PostgreSQL gets the rows as one array a column. SQLite gets them written out in the statement.
"""

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
    right index by itself while it has no statistics of a table. `and_of` finds rows for each of these rows.
    """

    select: str
    table: str
    where: str
    order_by: str = ""
    and_of: "Lookup | None" = None


def takes_lists(session: Session) -> bool:
    """Whether a parameter may be a list of values: on PostgreSQL."""
    return getattr(session, "takes_lists", False)


def among_sql(session: Session) -> str:
    """Return the condition that a column has one of many values, which `among` makes a parameter of."""
    return "= ANY(:ids)" if takes_lists(session) else "IN (SELECT value FROM json_each(:ids))"


def given_sql(session: Session, column: str) -> str:
    """Return the table `given` of one column, whose values `among` makes a parameter of."""
    given = f"unnest(?::text[]) AS given({column})"
    return given if takes_lists(session) else f"(SELECT value AS {column} FROM json_each(?)) AS given"  # noqa: S608


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


def sql_of(columns: str, lookup: Lookup | str, whole: Sequence[bool] | None) -> str:
    """Return the text that `lookup_many` runs for one row: of PostgreSQL if *whole* names whole numbers."""
    return _with_values(columns, 1, lookup) if whole is None else _with_arrays(columns, tuple(whole), lookup)


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
    joined = "".join(
        f" CROSS JOIN LATERAL (SELECT * FROM {one.table} WHERE {one.where}"  # noqa: S608  text of this project
        f"{one.order_by and f' ORDER BY {one.order_by}'} OFFSET 0) {one.table.split()[-1]}"
        for one in (lookup, lookup.and_of)
        if one is not None
    )
    return f"SELECT {lookup.select} {given}{joined}"


@cache
def _with_values(columns: str, size: int, lookup: Lookup | str) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    given = f"WITH given({columns}) AS (VALUES {', '.join([row] * size)})"
    if isinstance(lookup, str):
        return f"{given} SELECT {lookup} FROM given"  # noqa: S608  text of this project
    also = "" if lookup.and_of is None else f" CROSS JOIN {lookup.and_of.table}"
    where = lookup.where if lookup.and_of is None else f"{lookup.where} AND {lookup.and_of.where}"
    return f"{given} SELECT {lookup.select} FROM given CROSS JOIN {lookup.table}{also} WHERE {where}"  # noqa: S608
