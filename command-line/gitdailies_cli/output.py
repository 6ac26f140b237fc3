"""How commands print data, JSON for programs and tables for people, and the codes that they end with."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

# Exit codes of commands that send.
DONE, NOT_DELIVERED, REFUSED, PARTLY = 0, 1, 3, 4

_PIPED_COLUMNS = 1000
_FRACTION = re.compile(r"\.[0-9]+")


def as_json(value: Any, default: Callable[[Any], Any] | None = None) -> None:
    """Print one JSON document. *default* is as in `json.dumps`."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=default))


def as_line(value: Any) -> None:
    """Print JSON on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def counted(count: int, one: str) -> str:
    """Format a number with its noun, plural with s where needed."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def time_for_people(text: str | None) -> str:
    """Format a time for people, to the second; "" for None."""
    return "" if text is None else _FRACTION.sub("", text)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, or nothing if there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        # Text, not markup: input from outside must not add colors or links.
        shown.add_row(*("" if cell is None else Text(printable(str(cell))) for cell in row))
    console = Console(soft_wrap=False, highlight=False, markup=False)
    if not console.is_terminal:
        # Output to a pipe is not folded, so that a search finds every value in one piece.
        console.width = _PIPED_COLUMNS
    console.print(shown)


def lines(texts: Iterable[str], *, err: bool = False) -> None:
    """Print texts, one a line."""
    for text in texts:
        click.echo(printable(text), err=err)


def pairs(values: Mapping[str, Any]) -> None:
    """Print names and values, one pair for each line, with the values aligned."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        click.echo(f"{name.ljust(width)}  {printable(str(value))}")


def say_wait(reason: str, seconds: float) -> None:
    """Say that a command waits before it asks again, and why."""
    click.echo(printable(f"waits {math.ceil(seconds)} s: {reason}"), err=True)


def printable(text: str) -> str:
    """Replace control characters, which could control a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
