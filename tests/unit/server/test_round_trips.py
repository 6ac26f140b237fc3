"""Functions that read side by side: how many trips they take, and what happens where one fails."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from gitdailies_server.round_trips import Query, RoundTrips, read_together


class Session:
    """A database far away: a statement has one row, itself. `sent` are the statements of each trip."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.trips = RoundTrips(self._send)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        return self.trips.ask(Query(statement, parameters))[0]

    def chain(self, *statements: str) -> list[str]:
        return [self.execute(statement).fetchone()[0] for statement in statements]

    def executemany(self, statement: str, rows: Any) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _send(self, queries: Sequence[Query]) -> None:
        self.sent.append(sorted(query.statement for query in queries))
        for query in queries:
            if query.statement == "wrong":
                raise ValueError(query.statement)
            query.rows = [(query.statement,)]


def test_a_question_takes_as_many_trips_as_its_longest_chain() -> None:
    """Functions wait for each other, also those that run within others; each statement is sent once."""
    session = Session()

    def nested() -> list[Any]:
        first = session.chain("c1")
        return [
            first,
            *read_together(session, partial(session.chain, "c2", "c3"), partial(session.chain, "a2")),
        ]

    found = read_together(session, partial(session.chain, "a1", "a2"), partial(session.chain, "b1"), nested)
    assert found == [["a1", "a2"], ["b1"], [["c1"], ["c2", "c3"], ["a2"]]]
    assert session.sent == [["a1", "b1", "c1"], ["a2", "c2"], ["c3"]]


def test_where_one_fails_the_others_end() -> None:
    """Its error is raised, and no further statement of theirs is sent."""
    session = Session()

    def failing() -> None:
        session.chain("a")
        raise LookupError

    with pytest.raises(LookupError):
        read_together(session, failing, partial(session.chain, "b1", "b2", "b3"))
    assert session.chain("c") == ["c"]
    assert all("b3" not in sent for sent in session.sent)
    with pytest.raises(ValueError, match="wrong"):
        read_together(session, partial(session.chain, "wrong"), partial(session.chain, "d"))


def test_what_was_not_answered_is_asked_again() -> None:
    """After an error, the same statement has no rows yet: it is sent again, with the others of that trip."""
    session = Session()
    with pytest.raises(ValueError, match="wrong"):
        read_together(session, partial(session.chain, "wrong"), partial(session.chain, "d"))
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            session.execute("wrong")
    assert session.chain("d", "d") == ["d", "d"]
    assert session.sent == [["d", "wrong"], ["wrong"], ["wrong"], ["d"]]
