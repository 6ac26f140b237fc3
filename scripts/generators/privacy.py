"""The tables of docs/privacy.md: what each store holds, from the tables that `gitdailies erase` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from gitdailies_relay.store.held_text import HELD as RELAY
from gitdailies_server.storage.held_text import Held
from gitdailies_webhooks.sql.held_text import HELD as WEBHOOKS

from scripts import sections

_HEAD = (
    "| table | columns | what | how long | erased by | `--person` |",
    "| --- | --- | --- | --- | --- | --- |",
)


def texts(root: Path) -> Mapping[str, str]:
    """Write both tables into the page."""
    page = (root / "docs" / "privacy.md").read_text("utf-8")
    for name, table in (("receiver", WEBHOOKS), ("relay", RELAY)):
        page = sections.replace(page, name, "\n".join((*_HEAD, *_lines(table))))
    return {"docs/privacy.md": page}


def _lines(table: Sequence[Held]) -> Iterator[str]:
    for name, lines in groupby(table, key=lambda line: line.table):
        for line in lines:
            columns = ", ".join(f"`{column}`" for column in line.columns)
            cells = (f"`{name}`", columns, line.what, line.kept, line.erased, line.treatment.value)
            yield f"| {' | '.join(cells)} |"
