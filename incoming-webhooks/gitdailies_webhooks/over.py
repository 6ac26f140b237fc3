"""Statements about many rows at once: one question, one trip, however many it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from gitdailies_server.database import Session

# So that few texts are prepared, and each has fewer parameters than any build of SQLite takes.
_SIZES = (64, 16, 4, 1)


def over(
    session: Session, columns: str, rows: Sequence[Sequence[Any]], query: str, *more: Any
) -> Iterator[tuple[Any, ...]]:
    """Run *query*, in which `x` is a table of *rows* with *columns*; *more* are its own parameters."""
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            values = [value for row in rows[done : done + size] for value in row]
            yield from session.execute(_statement(columns, size, query), (*values, *more)).fetchall()
            done += size


@cache
def _statement(columns: str, size: int, query: str) -> str:
    row = "(" + ", ".join("?" * (columns.count(",") + 1)) + ")"
    return f"WITH x({columns}) AS (VALUES {', '.join([row] * size)}) {query}"
