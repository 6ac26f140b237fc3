"""Statements about many rows at once: one question, one trip, however many it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

# Where a table has to be written out: so that few texts are prepared, and each has fewer parameters
# than any build of SQLite takes.
_SIZES = (64, 16, 4, 1)


class Near(NamedTuple):
    """A question for the rows of `table` (and the letter that stands for it) that are near one row of `x`.

    Where several indexes would do, `by` names a column of the one to look into, which has them in its
    order. PostgreSQL cannot tell by itself which is the right one while it knows nothing of a table.
    """

    wanted: str
    table: str
    where: str
    by: str = ""


def over(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], asked: Near | str, *more: Any
) -> Iterator[tuple[Any, ...]]:
    """Answer a question about each of *rows*, of which `x` is a table with *columns*.

    What is wanted of `x` alone is a string. *more* are the question's own parameters. A column is of
    whole numbers or of text, and nowhere null.
    """
    if not rows:
        return
    if getattr(session, "takes_lists", False):
        whole = tuple(isinstance(value, int) for value in rows[0])
        lists = [list(column) for column in zip(*rows, strict=True)]
        yield from session.execute(_of_lists(columns, whole, asked), (*lists, *more)).fetchall()
        return
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            values = [value for row in rows[done : done + size] for value in row]
            yield from session.execute(_written_out(columns, size, asked), (*values, *more)).fetchall()
            done += size


def insert(session: Session, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows*; a column is of whole numbers or of text, "+" in front of its name says of numbers."""
    if not rows:
        return
    if getattr(session, "takes_lists", False):
        lists = [list(column) for column in zip(*rows, strict=True)]
        session.executemany(_insert_lists(table, columns), [lists])
    else:
        session.executemany(_insert_one(table, columns), rows)


def each(session: Session, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run *statement* once for each of *rows*; for none of them nothing is said, which would be a trip."""
    if rows:
        session.executemany(statement, rows)


@cache
def _insert_lists(table: str, columns: str) -> str:
    lists = _lists(tuple(name.startswith("+") for name in columns.split(", ")))
    return f"INSERT INTO {table} ({columns.replace('+', '')}) SELECT * FROM unnest({lists})"  # noqa: S608


@cache
def _insert_one(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns.replace('+', '')}) VALUES ({marks})"  # noqa: S608


@cache
def _of_lists(columns: str, whole: tuple[bool, ...], asked: Near | str) -> str:
    x = f"FROM unnest({_lists(whole)}) AS x({columns})"
    if isinstance(asked, str):
        return f"SELECT {asked} {x}"
    # OFFSET 0 keeps this a look into an index for each row. PostgreSQL would rather go through a whole
    # table that it knows nothing of, and compare each of its rows with those here.
    letter, by = asked.table.split()[-1], asked.by and f" ORDER BY {asked.by}"
    return (
        f"SELECT {asked.wanted} {x} CROSS JOIN LATERAL"  # noqa: S608  text of this project
        f" (SELECT * FROM {asked.table} WHERE {asked.where}{by} OFFSET 0) {letter}"
    )


def _lists(whole: tuple[bool, ...]) -> str:
    return ", ".join(f"?::{'bigint' if one else 'text'}[]" for one in whole)


@cache
def _written_out(columns: str, size: int, asked: Near | str) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    x = f"WITH x({columns}) AS (VALUES {', '.join([row] * size)})"
    if isinstance(asked, str):
        return f"{x} SELECT {asked} FROM x"  # noqa: S608  text of this project
    return f"{x} SELECT {asked.wanted} FROM x CROSS JOIN {asked.table} WHERE {asked.where}"  # noqa: S608
