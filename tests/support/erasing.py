"""The columns of a store, and what is left of a text in it: in its rows, and in the bytes of its files."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gitdailies_server.storage.database import Database
from gitdailies_server.storage.migrations import upgrade
from gitdailies_server.storage.sqlite import SqliteDatabase


def columns(migrations: Path, more: str = "") -> Mapping[str, Mapping[str, str]]:
    """Return the type of each column, by table, of the schema that *migrations* and *more* lead to."""
    with TemporaryDirectory() as folder:
        database = SqliteDatabase(Path(folder) / "new.db")
        upgrade(database, migrations)
        with closing(database.connect()) as schema:
            schema.executescript(more)
            return {
                table: {name: kind for _, name, kind, *_ in schema.execute(f"PRAGMA table_info({table})")}
                for (table,) in schema.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
                if table != "alembic_version" and not table.startswith("sqlite_")
            }


def columns_with_text(migrations: Path, more: str = "") -> list[str]:
    """Return each column of text or bytes as `table.column`, sorted."""
    return sorted(
        f"{table}.{name}"
        for table, found in columns(migrations, more).items()
        for name, kind in found.items()
        if kind in ("TEXT", "BLOB")
    )


def cells(database: Database, tables: Sequence[str]) -> list[tuple[str, Any]]:
    """Return every value of every table, with the table's name."""
    with closing(database.connect(read_only=True)) as session:
        return [
            (table, value)
            for table in tables
            for row in session.execute(f"SELECT * FROM {table}").fetchall()
            for value in row
        ]


def tables_with(database: Database, tables: Sequence[str], text: str) -> set[str]:
    """Return the tables that hold *text*, in any case."""
    found = set()
    for table, value in cells(database, tables):
        plain = (
            bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
        )
        if text.lower() in plain.lower():
            found.add(table)
    return found


def files_with(database: Database, text: str) -> list[str]:
    """Return the files of an SQLite store whose bytes hold *text*; none for PostgreSQL."""
    if not isinstance(database, SqliteDatabase):
        return []
    path: Path = database.path
    files = [path, path.with_name(f"{path.name}-wal")]
    return [file.name for file in files if file.exists() and text.encode() in file.read_bytes()]
