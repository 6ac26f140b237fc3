"""A table of services and their repositories, as CSV. Pure."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping

from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut


def rows(text: str, required: Collection[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row with the number of its line, by names of columns in small letters; raises ValueError."""
    table = csv.DictReader(text.splitlines())
    columns = [name.strip().casefold() for name in table.fieldnames or ()]
    if not set(required) <= set(columns):
        raise ValueError(f"expected the columns {' and '.join(required)}, got {', '.join(columns) or 'none'}")
    table.fieldnames = columns
    for row in table:
        # A row with more cells than columns has them under None.
        yield table.line_num, {name: (row.get(name) or "").strip() for name in columns}


def services(text: str, file: str) -> Iterator[CatalogEntry]:
    """Yield the services of a table with the columns `service` and `repo`; raises ValueError."""
    for number, row in rows(text, ("service", "repo")):
        where = f"{file}:{number}"
        if row["service"]:
            repos = (row["repo"],) if row["repo"] else ()
            yield CatalogService((row["service"],), repos, where, "its row has no repository")
        else:
            yield LeftOut(where, "its row has no service")
