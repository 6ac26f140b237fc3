"""An SQLite file that one run works in."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from gitdailies_core.errors import StoreUnavailable


class SqliteFile:
    """A file that only this user may read. Use it in a `with` block.

    Methods raise StoreUnavailable if it cannot be read or written, for example on a full disk.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        with self._storage_errors():
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Execute a statement and return all its rows."""
        with self._storage_errors():
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: expected to write and read it, got: {error}") from None
