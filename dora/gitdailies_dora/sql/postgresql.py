"""PostgreSQL with query plans for a receiver: many small statements that use indexes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitdailies_server.storage.database import unavailable
from gitdailies_server.storage.postgresql import PostgresqlDatabase

if TYPE_CHECKING:
    from gitdailies_server.storage.postgresql import PostgresqlSession

_PLANS = (
    # Starting worker processes takes longer than most of these reads.
    "SET max_parallel_workers_per_gather = 0",
    # Rows of a period are read in the order of an index. A bitmap scan would have to sort them on disk.
    "SET enable_bitmapscan = off",
)


class ReceiverDatabase(PostgresqlDatabase):
    """The database of any room, with these plans on each connection."""

    def connect(self, *, read_only: bool = False) -> PostgresqlSession:
        session = super().connect(read_only=read_only)
        try:
            session.execute("; ".join(_PLANS))
        except self.errors as error:
            with suppress(*self.errors):
                session.close()
            raise unavailable(self, "connect", error) from None
        return session
