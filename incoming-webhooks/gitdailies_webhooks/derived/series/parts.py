"""The sums of one environment, read from the rows of deploys and incidents.

Deploys are added up by the database, for each repository and segment. Failed deploys and incidents are few,
and are added up here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import first_outage
from gitdailies_webhooks.figures.series import Segment
from gitdailies_webhooks.figures.tally import Failure, Tally, failures
from gitdailies_webhooks.sql.bulk import takes_lists

# The place of a sum, the number of its segment, and the sum.
Part: TypeAlias = tuple[Place, int, Tally]


class Moment(NamedTuple):
    """The moment of a question, and the last time of deploys that are settled at it."""

    now: int
    settled_until: int


class Where:
    """The condition of one environment, and of some repositories; all of them if none is named."""

    def __init__(self, environment: str, repos: Iterable[str] = ()) -> None:
        self.environment = environment
        self._repos = sorted(repos)
        self.values = (environment, *self._repos)

    def condition(self, at: str = "") -> str:
        """Return the condition; a column *at* adds that of a period."""
        marks = ", ".join("?" * len(self._repos))
        repos = f" AND repo IN ({marks})" if marks else ""
        return f"environment = ?{repos}" + (f" AND {at} >= ? AND {at} <= ?" if at else "")


def parts(
    session: Session,
    where: Where,
    segments: Sequence[Segment],
    chosen: Collection[int],
    moment: Moment,
    *,
    by_service: bool,
) -> Iterator[Part]:
    """Yield the sums of the segments with the *chosen* numbers.

    Without *by_service*, the deploys of all services of a repository are one sum.
    """
    yield from _deploys(session, where, segments, chosen, moment, by_service=by_service)
    # One statement reads neighboring segments.
    for first, last in _runs(chosen):
        run = segments[first : last + 1]
        yield from _failures(session, where, run, first, moment, by_service=by_service)
        yield from _unlinked(session, where, run, first, moment)


def _runs(chosen: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of numbers without a gap."""
    ordered = sorted(chosen)
    begins = [number for number in ordered if number - 1 not in chosen]
    ends = [number for number in ordered if number + 1 not in chosen]
    yield from zip(begins, ends, strict=True)


def _deploys(
    session: Session,
    where: Where,
    segments: Sequence[Segment],
    chosen: Collection[int],
    moment: Moment,
    *,
    by_service: bool,
) -> Iterator[Part]:
    """Yield the sums of deploys, without their failures."""
    statement = statements.SUMS_OF_DEPLOYS.format(
        service="service" if by_service else "''",
        joined=statements.JOINED_BY_POSTGRESQL if takes_lists(session) else statements.JOINED_BY_SQLITE,
        where=where.condition("at"),
        grouped="repo, service" if by_service else "repo",
    )
    for number in sorted(chosen):
        found = session.execute(
            statement, (moment.settled_until, *where.values, *segments[number])
        ).fetchall()
        for repo, service, deploys, rework, young, unknown, commits, leads in found:
            place = Place(repo, where.environment, service or None)
            yield place, number, Tally(deploys, rework, young, unknown, commits, leads or "")


def _failures(
    session: Session,
    where: Where,
    run: Sequence[Segment],
    first: int,
    moment: Moment,
    *,
    by_service: bool,
) -> Iterator[Part]:
    """Yield the sums of failed deploys of neighboring segments; *first* is the number of the first one."""
    now, begins = moment.now, [segment.began_at for segment in run]
    period = begins[0], run[-1].last
    # By id: time, repository, service, time until the first remedy, and the incidents.
    found: dict[str, tuple[int, str, str, int | None, list[rows.Span]]] = {}
    for statement, moments in ((statements.JUDGED_FAILED, ()), (statements.REMEDIED, (now,))):
        for id_, at, repo, service, remedied_after in session.execute(
            statement.format(where=where.condition("at")), (*moments, *where.values, *period)
        ).fetchall():
            found[id_] = at, repo, service, remedied_after, []
    not_failed = rows.not_failed(session)
    for id_, at, repo, service, began_at, ended_at, merged in session.execute(
        statements.SPANS.format(where=where.condition("deploy_at")), (now, now, *where.values, *period)
    ).fetchall():
        if id_ in not_failed:
            continue
        deploy = found.get(id_)
        if deploy is None:
            deploy = found[id_] = at, repo, service, None, []
        deploy[4].append(rows.Span.known(now, began_at, ended_at, merged))
    failed: dict[tuple[str, str, int], list[Failure]] = defaultdict(list)
    for at, repo, service, remedied_after, spans in found.values():
        outage = first_outage(spans)
        if outage is None:
            failure = Failure(at, None, False, remedied_after)
        else:
            failure = Failure(at, outage.duration_us, outage.duration_us is None, None)
        failed[repo, service if by_service else "", bisect_right(begins, at) - 1].append(failure)
    for (repo, service, number), ones in failed.items():
        place = Place(repo, where.environment, service or None)
        yield place, first + number, failures(ones, moment.settled_until)


def _unlinked(
    session: Session, where: Where, run: Sequence[Segment], first: int, moment: Moment
) -> Iterator[Part]:
    """Yield the incidents of neighboring segments that are attributed to no deploy."""
    begins = [segment.began_at for segment in run]
    found = session.execute(
        statements.UNLINKED.format(where=where.condition("at")),
        (moment.now, moment.now, *where.values, begins[0], run[-1].last),
    ).fetchall()
    for repo, service, at, wide in found:
        tally = Tally(unlinked=1, unlinked_72h=int(wide is not None))
        place = Place(repo, where.environment, service or None)
        yield place, first + bisect_right(begins, at) - 1, tally
