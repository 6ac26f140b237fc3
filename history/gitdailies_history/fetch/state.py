"""The pages that a fetch has read, so that an interrupted fetch continues where it stopped.

One file in the state folder holds the vendor's pages. It is removed when the fetch is done. A fetch with
other arguments starts from the beginning.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gitdailies_core.values.times import text_of

from gitdailies_history.sqlite_file import SqliteFile

FILE = "fetch.db"
_GOOD_FOR = timedelta(days=1)
_SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS job (name TEXT NOT NULL, until TEXT NOT NULL, begun_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pages (address TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
"""


class State(SqliteFile):
    """The pages of one fetch. They name customers and incidents."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / FILE, _SCHEMA)

    def begin(self, name: str, until: str | None, now: datetime) -> str:
        """Begin or continue the fetch *name*. Returns its end as RFC 3339.

        A fetch that began without *until* keeps its first end, or its pages would shift. After a day it
        starts from the beginning, because incidents that were open may have ended.
        """
        query = "SELECT until FROM job WHERE name = ? AND begun_at > ?"
        for (begun,) in self._rows(query, (name, text_of(now - _GOOD_FOR))):
            if until in (None, begun):
                return str(begun)
        chosen = until or text_of(now)
        self._rows("DELETE FROM pages")
        self._rows("DELETE FROM job")
        self._rows("INSERT INTO job VALUES (?, ?, ?)", (name, chosen, text_of(now)))
        return chosen

    def count(self) -> int:
        """Return the number of stored pages."""
        return int(self._rows("SELECT count(*) FROM pages")[0][0])

    def page(self, address: str) -> Any:
        """Return the stored page of *address*, or None."""
        rows = self._rows("SELECT body FROM pages WHERE address = ?", (address,))
        return json.loads(rows[0][0]) if rows else None

    def keep(self, address: str, page: Any) -> None:
        """Store a page."""
        body = json.dumps(page, separators=(",", ":"))
        self._rows("INSERT OR REPLACE INTO pages VALUES (?, ?)", (address, body))

    def finish(self) -> None:
        """Remove the file, because the fetch is done."""
        self._db.close()
        for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
            self._path.with_name(name).unlink(missing_ok=True)
