"""The tables of docs/privacy.md: what each store holds, from the tables that `gitdailies erase` reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gitdailies_dora.sql.held_text import HELD as DORA
from gitdailies_relay.store.held_text import HELD as RELAY
from gitdailies_server.storage.held_text import Held

from scripts.generators import replace, table

_HEAD = ("table", "columns", "what", "how long", "erased by", "`--person`")


def texts(root: Path) -> Mapping[str, str]:
    """Write both tables into the page."""
    page = (root / "docs" / "privacy.md").read_text("utf-8")
    for name, held in (("receiver", DORA), ("relay", RELAY)):
        page = replace(page, name, table(_HEAD, _lines(held)))
    return {"docs/privacy.md": page}


def _lines(held: Sequence[Held]) -> Iterator[Sequence[str]]:
    for line in held:
        columns = ", ".join(f"`{column}`" for column in line.columns)
        yield f"`{line.table}`", columns, line.what, line.kept, line.erased, line.treatment.value
