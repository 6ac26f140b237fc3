"""Statements about many rows at once: one question, one trip, however many it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from gitdailies_server.database import Session

# Where a table has to be written out: so that few texts are prepared, and each has fewer parameters
# than any build of SQLite takes.
_SIZES = (64, 16, 4, 1)


def over(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], query: str, *more: Any
) -> Iterator[tuple[Any, ...]]:
    """Run *query*, in which `x` is a table of *rows* with *columns*; *more* are its own parameters.

    A column is of whole numbers or of text, and nowhere null.
    """
    if not rows:
        return
    if getattr(session, "takes_lists", False):
        whole = tuple(isinstance(value, int) for value in rows[0])
        lists = [list(column) for column in zip(*rows, strict=True)]
        yield from session.execute(_of_lists(columns, whole, query), (*lists, *more)).fetchall()
        return
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            values = [value for row in rows[done : done + size] for value in row]
            yield from session.execute(_written_out(columns, size, query), (*values, *more)).fetchall()
            done += size


def insert(session: Session, table: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert *rows*; a column is of whole numbers or of text, "+" in front of its name says of numbers."""
    if not rows:
        return
    if getattr(session, "takes_lists", False):
        lists = [list(column) for column in zip(*rows, strict=True)]
        session.execute(_insert_lists(table, columns), lists)
    else:
        session.executemany(_insert_one(table, columns), rows)


@cache
def _insert_lists(table: str, columns: str) -> str:
    lists = _lists(tuple(name.startswith("+") for name in columns.split(", ")))
    return f"INSERT INTO {table} ({columns.replace('+', '')}) SELECT * FROM unnest({lists})"  # noqa: S608


@cache
def _insert_one(table: str, columns: str) -> str:
    marks = ", ".join("?" * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns.replace('+', '')}) VALUES ({marks})"  # noqa: S608


@cache
def _of_lists(columns: str, whole: tuple[bool, ...], query: str) -> str:
    return f"WITH x({columns}) AS MATERIALIZED (SELECT * FROM unnest({_lists(whole)})) {query}"  # noqa: S608


def _lists(whole: tuple[bool, ...]) -> str:
    return ", ".join(f"?::{'bigint' if one else 'text'}[]" for one in whole)


@cache
def _written_out(columns: str, size: int, query: str) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    return f"WITH x({columns}) AS (VALUES {', '.join([row] * size)}) {query}"
