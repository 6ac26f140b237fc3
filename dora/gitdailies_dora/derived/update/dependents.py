"""Which stored deploys have to be derived again after others changed: those that looked at them.

All of them are later deploys of the same target:

* the next ones, until one that counts and brought something: they are compared with the latest counting
  deploy, and go by whether the latest one that brought something listed its commits;
* rollbacks and hotfixes in the window: they look for the latest deploy that is none, of another commit;
* deploys of the same commit, and the next ones after those: what a deploy of a commit counts as depends on
  the first deploys of this commit;
* deploys that list a commit of it: the commit is new in the first deploy that has it;
* deploys that undo a commit that it brought.

The last three look at the first deploy of each kind alone. They need not be derived again if an earlier
deploy of the very same SHA is of that kind, too.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import deploys, statements
from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.derived.update import shas
from gitdailies_dora.derived.update.shas import Lengths
from gitdailies_dora.figures.history.commits import SHORTEST_SHA
from gitdailies_dora.figures.history.events import DEPLOY, HOUR_US, ROLLBACK
from gitdailies_dora.sql.bulk import Lookup, lookup_many

_PAGE = 32


def dependents(
    session: Session, sides: Iterable[deploys.StoredDeploy], lengths: Lengths, window: int
) -> set[str]:
    """Return the ids of deploys that may have to be derived again because of deploys as they were or are."""
    found: set[str] = set()
    for side in sides:
        found |= _Later(session, side, lengths).ids(window)
    return found


class _Later:
    """The later deploys of a target that looked at one deploy of it."""

    def __init__(self, session: Session, side: deploys.StoredDeploy, lengths: Lengths) -> None:
        self._session = session
        self._side = side
        self._lengths = lengths

    def ids(self, window: int) -> set[str]:
        side = self._side
        found: set[str] = set(self._of_the_commit())
        if side.counts:
            found |= set(self._next_ones(side.order, until_brought=True))
            found |= set(self._going_back(window))
            mentioned = [sha for sha in side.commits if not self._mentioned_before(sha)]
            found |= set(self._those_with(mentioned, shas.MENTIONED, statements.MENTIONS_AFTER))
            brought = [sha for sha, how in side.commits.items() if how == deploys.LISTED_FIRST]
            found |= set(self._those_with(brought, shas.REVERTED, statements.REVERTS_AFTER))
        return found - {side.id}

    def _next_ones(self, after: deploys.Order, *, until_brought: bool = False) -> Iterator[str]:
        for id_, _, counts, _, _, brought in self._pages(statements.NEXT_DEPLOYS, after):
            yield id_
            if counts and (brought or not until_brought):
                return

    def _going_back(self, window: int) -> Iterator[str]:
        """Yield rollbacks and hotfixes that may look past every deploy between this one and them."""
        if self._side.type == ROLLBACK:
            return
        between: set[str] = set()
        for id_, at, _, type_, sha, _ in self._pages(statements.NEXT_COUNTING, self._side.order):
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
        # Within the hour, each report of a deploy may decide about the next one.
        for id_, at, counts in self._those_of_sha(side.at + HOUR_US if covered else FOREVER):
            yield id_
            if counts and not counted:
                yield from self._next_ones((at, id_))
        if side.counts and not counted and not covered:
            yield from self._next_ones(side.order)

    def _covered(self) -> tuple[bool, bool]:
        """Whether earlier deploys of this SHA are all that it is, and whether one of them counts."""
        side = self._side
        first = self._one(statements.FIRST_OF_SHA, "")
        ids = [None, None, None] if first is None else list(first)
        stored = deploys.read_deploys_by_id(self._session, (id_ for id_ in ids if id_ is not None))
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
        row = (0, *side.target, side.sha, *side.order, *values)
        names = f"number, repo, environment, service, sha, at, id{columns}"
        return next((found[1:] for found in lookup_many(self._session, names, [row], statement)), None)

    def _those_of_sha(self, until: int) -> Iterator[tuple[str, int, int]]:
        found = self._matching([self._side.sha], shas.DEPLOYED, statements.LATER_OF_SHA, until)
        return ((id_, at, counts) for id_, at, counts in found if (at, id_) > self._side.order)

    def _those_with(self, wanted: list[str], column: shas.Column, lookup: Lookup) -> Iterator[str]:
        for id_, at in self._matching(wanted, column, lookup):
            if (at, id_) > self._side.order:
                yield id_

    def _matching(
        self, wanted: list[str], column: shas.Column, lookup: Lookup, *parameters: Any
    ) -> Iterator[tuple[Any, ...]]:
        target: deploys.TargetKey = self._side.target
        matching = self._lengths.matching(column, ((target, sha) for sha in wanted))
        rows = [(*target, sha, self._side.at) for _, sha in sorted(shas.by_sha(matching))]
        columns = "repo, environment, service, sha, at"
        yield from lookup_many(self._session, columns, rows, lookup, *parameters)

    def _mentioned_before(self, sha: str) -> bool:
        row = (0, *self._side.target, sha, *self._side.order)
        names = "number, repo, environment, service, sha, at, id"
        found = lookup_many(self._session, names, [row], statements.COMMIT_BEFORE)
        return any(how not in (None, deploys.ABOVE) for _, how in found)

    def _pages(self, statement: str, after: deploys.Order) -> Iterator[tuple[Any, ...]]:
        while True:
            page = self._session.execute(statement, (*self._side.target, *after, _PAGE)).fetchall()
            yield from page
            if len(page) < _PAGE:
                return
            after = (page[-1][1], page[-1][0])
