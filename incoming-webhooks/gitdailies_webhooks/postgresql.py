"""PostgreSQL for the receiver, whose statements are many, small and looked up by index."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitdailies_server.database import unavailable
from gitdailies_server.postgresql import PostgresqlDatabase

if TYPE_CHECKING:
    from gitdailies_server.postgresql import PostgresqlSession

# A table without an index, as that of how far events were read, can only be gone through, which a
# session counts as dear. PostgreSQL would compile such a statement each time: a tenth of a second the
# first time, milliseconds for each one after it. It would also start processes for what reads a lot.
_PLANS = "SET jit = off; SET max_parallel_workers_per_gather = 0"


class ReceiverDatabase(PostgresqlDatabase):
    """As for every room, with statements that are neither compiled nor shared out among processes."""

    def connect(self, *, read_only: bool = False) -> PostgresqlSession:
        session = super().connect(read_only=read_only)
        try:
            session.execute(_PLANS)
        except self.errors as error:
            with suppress(*self.errors):
                session.close()
            raise unavailable(self, "to connect", error) from None
        return session
