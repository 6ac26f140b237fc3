"""Read the files of a catalog: documents of YAML, and rows of a CSV table, each with its line."""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from gitdailies_connection.config.document import yaml_document
from gitdailies_core.errors import UsageError
from gitdailies_core.sources.catalogs import CatalogEntry, CatalogService, LeftOut

_BETWEEN_DOCUMENTS = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)
_SUFFIXES = (".yaml", ".yml", ".json")


def catalog_files(path: Path) -> list[Path]:
    """Return the files of a folder, sorted, or the file itself. Raises UsageError if a folder has none."""
    if not path.is_dir():
        return [path]
    found = sorted(
        one
        for one in path.rglob("*")
        if one.suffix in _SUFFIXES and one.is_file() and ".git" not in one.parts
    )
    if not found:
        raise UsageError(f"{path}: expected files that end in .yaml, got none")
    return found


def documents(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield the documents of a file that are not empty, each with its place as `file:line`.

    Raises ConfigurationError with file and line.
    """
    text = yaml_document.read_text(path)
    begin = 0
    for end in [*(match.span() for match in _BETWEEN_DOCUMENTS.finditer(text)), (len(text), len(text))]:
        part = text[begin : end[0]]
        if part.strip():
            # Empty lines keep the numbers of a message's lines.
            before = text.count("\n", 0, begin)
            value = yaml_document.parse("\n" * before + part, str(path)).value
            if value is not None:
                blank = len(part) - len(part.lstrip())
                line = text.count("\n", 0, begin + blank) + 1
                yield value, f"{path}:{line}"
        begin = end[1]


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


def services_of_table(text: str, file: str) -> Iterator[CatalogEntry]:
    """Yield the services of a table with the columns `service` and `repo`; raises ValueError."""
    for number, row in rows(text, ("service", "repo")):
        where = f"{file}:{number}"
        if row["service"]:
            repos = (row["repo"],) if row["repo"] else ()
            yield CatalogService((row["service"],), repos, where, "its row has no repository")
        else:
            yield LeftOut(where, "its row has no service")
