"""PostgreSQL for the receiver, whose statements are many, small and looked up by index."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitdailies_server.storage.database import unavailable
from gitdailies_server.storage.postgresql import PostgresqlDatabase

if TYPE_CHECKING:
    from gitdailies_server.storage.postgresql import PostgresqlSession

_PLANS = (
    # It would start processes for what reads a lot.
    "SET max_parallel_workers_per_gather = 0",
    # Rows of a period are wanted in the order of an index; else they would be sorted on disk.
    "SET enable_bitmapscan = off",
)


class ReceiverDatabase(PostgresqlDatabase):
    """As for every room, with plans for what a receiver asks."""

    def connect(self, *, read_only: bool = False) -> PostgresqlSession:
        session = super().connect(read_only=read_only)
        try:
            session.execute("; ".join(_PLANS))
        except self.errors as error:
            with suppress(*self.errors):
                session.close()
            raise unavailable(self, "connect", error) from None
        return session
