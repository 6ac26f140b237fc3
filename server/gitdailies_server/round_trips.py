"""What several functions read at once: one round trip has the next statement of each of them.

A database may be a tenth of a second away. So functions that do not need each other's rows take turns, in one
thread: each runs until it asks for rows. When all of them wait, their statements are sent. A question then
takes as many trips as its longest chain of statements, in place of one for each statement.

    a:  names ─────────── first events
    b:  settings
    c:  weeks ─────────── deploys ─────────── commits
        one trip          one trip            one trip
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from greenlet import getcurrent, greenlet

Row: TypeAlias = tuple[Any, ...]
# More rows than this, and rows of many bytes, are not kept for a function that wants them, too.
_MOST_KEPT = 1000
Result = TypeVar("Result")


class Rows:
    """The rows of a statement, as a cursor has them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._left = iter(rows)

    def fetchone(self) -> Row | None:
        return next(self._left, None)

    def fetchall(self) -> list[Row]:
        return list(self._left)

    def __iter__(self) -> Iterator[Row]:
        return self._left


class Query:
    """A statement, its parameters, whether its rows are wanted as bytes, and its rows once they have come."""

    def __init__(self, statement: str, parameters: Sequence[Any], *, binary: bool = False) -> None:
        self.statement, self.parameters, self.binary = statement, parameters, binary
        self.rows: Sequence[Row] | None = None
        # What is the same for the same rows of a snapshot.
        values = (tuple(value) if isinstance(value, list) else value for value in parameters)
        self.key: Hashable = (statement, *values)


class _Function(greenlet):  # type: ignore[misc]
    """A function that waits for rows in the middle, while others run."""


class RoundTrips:
    """The statements of one snapshot, in as few trips as possible: *send* sets the rows of some.

    Within a snapshot, the same statement has the same rows. So it is sent once.
    """

    def __init__(self, send: Callable[[Sequence[Query]], None]) -> None:
        self._send = send
        self._known: dict[Hashable, Query] = {}
        self._waiting: list[Query] = []

    def ask(self, *queries: Query) -> list[Rows]:
        """Return the rows of each query after the next trip; raises the error of the database."""
        asked = [self._known.setdefault(query.key, query) for query in queries]
        # A statement of a trip that failed is sent again.
        unanswered = [query for query in dict.fromkeys(asked) if query.rows is None]
        self._waiting += [query for query in unanswered if query not in self._waiting]
        if unanswered:
            self.wait()
        for query in asked:
            if query.binary or len(query.rows or ()) > _MOST_KEPT:
                self._known.pop(query.key, None)
        return [Rows(query.rows or ()) for query in asked]

    def wait(self) -> None:
        """Let other functions run until their statements can be sent, too. Outside of all of them, send."""
        here = getcurrent()
        if isinstance(here, _Function):
            here.parent.switch()
        else:
            queries, self._waiting = self._waiting, []
            self._send(queries)


class _NotMet(Exception):
    """The condition for a reading is not met."""


def only_if(session: Any, check: Callable[[], bool], work: Callable[[], Result]) -> list[Result]:
    """Return what *work* returns, in a list; an empty one, if *check* says no. Both may read."""

    def checked() -> None:
        if not check():
            raise _NotMet

    try:
        return read_together(session, checked, work)[1:]
    except _NotMet:
        return []


def fetch_together(session: Any, *queries: tuple[str, Sequence[Any]]) -> list[list[Row]]:
    """Return the rows of each statement, all of the same trip."""
    trips: RoundTrips | None = getattr(session, "trips", None)
    if trips is None:
        return [session.execute(*query).fetchall() for query in queries]
    return [found.fetchall() for found in trips.ask(*(Query(*query) for query in queries))]


def read_together(session: Any, *works: Callable[[], Any]) -> list[Any]:
    """Run functions that read, and return their results. To a distant database, they share round trips.

    Where one fails, its error is raised, and those that come later are not run, or end where they wait.
    """
    trips: RoundTrips | None = getattr(session, "trips", None)
    if trips is None or len(works) < 2:
        return [work() for work in works]
    functions = [_Function(work) for work in works]
    found: list[Any] = [None] * len(works)
    while True:
        for number, function in enumerate(functions):
            if not function.dead:
                found[number] = function.switch()
        if all(function.dead for function in functions):
            return found
        trips.wait()
