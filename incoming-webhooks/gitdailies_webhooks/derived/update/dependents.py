"""Which stored deploys have to be derived again after others changed: those that looked at them.

All of them are later deploys of the same place:

* the next ones, until one that counts: they are compared with the latest counting deploy;
* rollbacks and hotfixes in the window: they look for the latest deploy that is none, of another commit;
* deploys of the same commit, and the next ones after those: what a deploy of a commit counts as depends on
  the first deploys of this commit;
* deploys that list a commit of it: the commit is new in the first deploy that has it;
* deploys that undo a commit that it brought.

The last three look at the first deploy of each kind alone. They need not be derived again if an earlier
deploy of the very same SHA is of that kind, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.update import shas
from gitdailies_webhooks.derived.update.outcomes import Order, Outcome, PlaceKey, read_outcomes
from gitdailies_webhooks.derived.update.shas import Lengths
from gitdailies_webhooks.figures.commits import SHORTEST_SHA
from gitdailies_webhooks.figures.events import DEPLOY, ROLLBACK
from gitdailies_webhooks.figures.repeats import HOUR_US
from gitdailies_webhooks.sql.bulk import Lookup, lookup_many

_PAGE = 32


def dependents(session: Session, sides: Iterable[Outcome], lengths: Lengths, window: int) -> set[str]:
    """Return the ids of deploys that may have to be derived again because of deploys as they were or are."""
    found: set[str] = set()
    for side in sides:
        found |= _Later(session, side, lengths).ids(window)
    return found


class _Later:
    """The later deploys of a place that looked at one deploy of it."""

    def __init__(self, session: Session, side: Outcome, lengths: Lengths) -> None:
        self._session = session
        self._side = side
        self._lengths = lengths

    def ids(self, window: int) -> set[str]:
        side = self._side
        found: set[str] = set(self._of_the_commit())
        if side.counts:
            found |= set(self._next_ones(side.order))
            found |= set(self._going_back(window))
            mentioned = [sha for sha in side.commits if not self._mentioned_before(sha)]
            found |= set(self._those_with(mentioned, shas.MENTIONED, statements.MENTIONS_AFTER))
            brought = [sha for sha, brought in side.commits.items() if brought]
            found |= set(self._those_with(brought, shas.REVERTED, statements.REVERTS_AFTER))
        return found - {side.id}

    def _next_ones(self, after: Order) -> Iterator[str]:
        for id_, _, counts, _, _ in self._pages(statements.NEXT_DEPLOYS, after):
            yield id_
            if counts:
                return

    def _going_back(self, window: int) -> Iterator[str]:
        """Yield rollbacks and hotfixes that may look past every deploy between this one and them."""
        if self._side.type == ROLLBACK:
            return
        between: set[str] = set()
        for id_, at, _, type_, sha in self._pages(statements.NEXT_COUNTING, self._side.order):
            if at - self._side.at >= window:
                return
            if type_ != DEPLOY:
                yield id_
            if type_ != ROLLBACK:
                # One looks past deploys of its own commit, and no commit begins in two ways.
                between.add(sha[:SHORTEST_SHA])
                if len(between) > 1:
                    return

    def _of_the_commit(self) -> Iterator[str]:
        side = self._side
        covered, counted = self._covered()
        if covered:
            return
        later = list(self._those_of_sha())
        for id_, at, counts in later:
            yield id_
            if counts and not counted:
                yield from self._next_ones((at, id_))
        if side.counts and not counted:
            yield from self._next_ones(side.order)

    def _covered(self) -> tuple[bool, bool]:
        """Whether earlier deploys of this SHA are all that it is, and whether one of them counts."""
        side = self._side
        first = self._one(statements.FIRST_OF_SHA, "")
        ids = [None, None, None] if first is None else list(first)
        stored = read_outcomes(self._session, (id_ for id_ in ids if id_ is not None))
        if not stored:
            return False, False
        brought = stored.get(ids[2] or "")
        counted = ids[1] is not None or brought is not None
        # Reporters matter within an hour of the first deploy alone.
        late = side.at - min(one.at for one in stored.values()) > HOUR_US
        same = self._one(
            statements.SAME_OF_SHA,
            ", exact, reporter, asked, run, attempt, says",
            side.exact,
            side.reporter,
            int(not late),
            side.run,
            side.attempt,
            side.says,
        )
        assert same is not None
        exact, reporter, run = same
        if brought is not None:
            exact = exact or brought.exact == side.exact
            reporter = reporter or brought.reporter == side.reporter
        ran = run is not None or not side.run or not side.counts
        return (
            bool((counted or not side.counts) and exact and (late or reporter) and ran),
            counted,
        )

    def _one(self, statement: str, columns: str, *values: Any) -> tuple[Any, ...] | None:
        side = self._side
        row = (0, *side.place, side.sha, *side.order, *values)
        names = f"number, repo, environment, service, sha, at, id{columns}"
        return next((found[1:] for found in lookup_many(self._session, names, [row], statement)), None)

    def _those_of_sha(self) -> Iterator[tuple[str, int, int]]:
        for id_, at, counts in self._matching([self._side.sha], shas.DEPLOYED, statements.LATER_OF_SHA):
            if (at, id_) > self._side.order:
                yield id_, at, counts

    def _those_with(self, wanted: list[str], column: shas.Column, lookup: Lookup) -> Iterator[str]:
        for id_, at in self._matching(wanted, column, lookup):
            if (at, id_) > self._side.order:
                yield id_

    def _matching(self, wanted: list[str], column: shas.Column, lookup: Lookup) -> Iterator[tuple[Any, ...]]:
        place: PlaceKey = self._side.place
        matching = self._lengths.matching(column, ((place, sha) for sha in wanted))
        rows = [(*place, sha, self._side.at) for _, sha in sorted(shas.by_sha(matching))]
        yield from lookup_many(self._session, "repo, environment, service, sha, at", rows, lookup)

    def _mentioned_before(self, sha: str) -> bool:
        row = (0, *self._side.place, sha, *self._side.order)
        names = "number, repo, environment, service, sha, at, id"
        found = lookup_many(self._session, names, [row], statements.COMMIT_BEFORE)
        return any(there is not None for _, there in found)

    def _pages(self, statement: str, after: Order) -> Iterator[tuple[Any, ...]]:
        while True:
            page = self._session.execute(statement, (*self._side.place, *after, _PAGE)).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            after = (page[-1][1], page[-1][0])
