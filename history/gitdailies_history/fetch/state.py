"""The pages that a fetch has read, so that an interrupted fetch continues where it stopped.

One file in the state folder holds the vendor's pages. It is removed when the fetch is done. A fetch with
other arguments starts from the beginning.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.values.times import text_of

FILE = "fetch.db"
_GOOD_FOR = timedelta(days=1)
_SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS job (name TEXT NOT NULL, until TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pages (address TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""


class State(AbstractContextManager["State"]):
    """The pages of one fetch. Use it in a `with` block. Methods raise StoreUnavailable."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        with self._storage_errors():
            # Pages name customers and incidents: only this user may read them.
            self._path.touch(mode=0o600)
            self._db = sqlite3.connect(self._path, isolation_level=None)
            self._db.executescript(_SCHEMA)

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def begin(self, name: str, until: str | None, now: datetime) -> str:
        """Begin or continue the fetch *name*. Returns its end as RFC 3339.

        A fetch that began without *until* keeps its first end, or its pages would shift. After a day it
        starts from the beginning, because incidents that were open may have ended.
        """
        with self._storage_errors():
            query = "SELECT until FROM job WHERE name = ? AND begun_at > ?"
            row = self._db.execute(query, (name, text_of(now - _GOOD_FOR))).fetchone()
            if row is not None and until in (None, row[0]):
                return str(row[0])
            chosen = until or text_of(now)
            self._db.execute("DELETE FROM pages")
            self._db.execute("DELETE FROM job")
            self._db.execute("INSERT INTO job VALUES (?, ?, ?)", (name, chosen, text_of(now)))
            return chosen

    def count(self) -> int:
        """Return the number of stored pages."""
        with self._storage_errors():
            return int(self._db.execute("SELECT count(*) FROM pages").fetchone()[0])

    def page(self, address: str) -> Any:
        """Return the stored page of *address*, or None."""
        with self._storage_errors():
            row = self._db.execute("SELECT body FROM pages WHERE address = ?", (address,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, address: str, page: Any) -> None:
        """Store a page."""
        with self._storage_errors():
            body = json.dumps(page, separators=(",", ":"))
            self._db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?)", (address, body))

    def finish(self) -> None:
        """Remove the file, because the fetch is done."""
        self._db.close()
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            self._path.with_name(name).unlink(missing_ok=True)

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._path}: expected to write and read it, got: {error}") from None
