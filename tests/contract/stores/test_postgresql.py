"""The prepared statements of a PostgreSQL session, from one turn to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gitdailies_server.storage.database import Database

from tests.support import databases

ASKED = "SELECT ?::bigint + 1"
FAULTS: dict[str, tuple[str, Any]] = {
    "refused by the server": ("SELECT 1 / ?::bigint", 0),
    "refused by the driver": (ASKED, object()),
}


class Turns:
    """A session, and what it does in turns."""

    def __init__(self, database: Database, session: Any) -> None:
        self.database = database
        self.session = session

    def begin(self) -> None:
        self.database.begin(self.session)

    def ask(self) -> None:
        self.begin()
        assert self.session.execute(ASKED, (1,)).fetchone() == (2,)

    def whole(self) -> None:
        self.ask()
        self.database.commit(self.session)

    def rollback(self) -> None:
        self.database.rollback(self.session)


@pytest.fixture
def turns(tmp_path: Path) -> Iterator[Turns]:
    with databases.opened("postgresql", tmp_path) as opened, closing(opened().connect()) as session:
        yield Turns(opened(), session)


def test_a_statement_sees_what_was_committed_before_it(turns: Turns) -> None:
    """A transaction relies on what it reads after it has its locks, whatever the database's default is."""
    turns.session.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    turns.begin()
    assert turns.session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    turns.rollback()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_turn_that_failed_leaves_the_next_one_as_it_would_be(turns: Turns, fault: str) -> None:
    """After an error of a trip and a rollback, the same session reads and commits as before."""
    statement, value = FAULTS[fault]
    turns.begin()
    turns.session.execute_later("SELECT ?::text", ("the first of the trip",))
    with pytest.raises(Exception, match=r"division by zero|cannot adapt"):
        turns.session.execute(statement, (value,))
    turns.rollback()
    turns.begin()
    assert turns.session.execute("SELECT ?::text", ("the first of the next",)).fetchone() is not None
    turns.rollback()
    turns.whole()
