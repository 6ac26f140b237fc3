"""The prepared statements of a PostgreSQL session, from one turn to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    def prepared(self) -> dict[str, Any]:
        return dict(self.session.execute("SELECT name, prepare_time FROM pg_prepared_statements"))

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


@pytest.mark.parametrize("before", [Turns.whole, Turns.begin, Turns.ask], ids=lambda before: before.__name__)
def test_a_rollback_without_an_error_takes_no_statement_away(
    turns: Turns, before: Callable[[Turns], None]
) -> None:
    """A writer rolls back before each item that is written alone, which must cost the next batch nothing."""
    turns.whole()
    statements = turns.prepared()
    before(turns)
    turns.rollback()
    turns.whole()
    assert turns.prepared() == statements
    assert len(statements) == 2  # the lock, and the question


def test_a_statement_sees_what_was_committed_before_it(turns: Turns) -> None:
    """A transaction relies on what it reads after it has its locks, whatever the database's default is."""
    turns.session.connection.execute("SET default_transaction_isolation = 'repeatable read'")
    turns.begin()
    assert turns.session.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    turns.rollback()


@pytest.mark.parametrize("fault", FAULTS)
def test_after_an_error_statements_are_prepared_again(turns: Turns, fault: str) -> None:
    """After an error no statement counts as prepared, since those before it may or may not have been."""
    statement, value = FAULTS[fault]
    turns.begin()
    turns.session.execute_later("SELECT ?::text", ("the first of the trip",))
    with pytest.raises(Exception, match=r"division by zero|cannot adapt"):
        turns.session.execute(statement, (value,))
    turns.rollback()
    assert turns.prepared() == {}
    turns.begin()
    assert turns.session.execute("SELECT ?::text", ("the first of the next",)).fetchone() is not None
    turns.rollback()
    turns.whole()


def test_what_psycopg_prepared_before_the_first_turn_harms_no_later_one(turns: Turns) -> None:
    """It takes all prepared statements away at a rollback, ours among them."""
    for _ in range(10):
        turns.session.execute(ASKED, (1,))
    assert turns.prepared() != {}
    turns.whole()
    for before in (Turns.whole, Turns.ask, Turns.ask):
        before(turns)
        turns.rollback()
        turns.whole()
