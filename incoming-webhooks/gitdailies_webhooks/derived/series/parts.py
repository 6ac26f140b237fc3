"""The deploys, failures and incidents of one environment in columns, read from the derived rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.series import statements
from gitdailies_webhooks.figures.columns import (
    Columns,
    DeployValues,
    FailureValues,
    UnlinkedValues,
    columns,
)
from gitdailies_webhooks.figures.events import Place
from gitdailies_webhooks.figures.facts import first_outage


class Span(NamedTuple):
    """The times from `first` to `last`, both included."""

    first: int
    last: int


class Where:
    """The condition of one environment, and of some repositories; all of them if none is named."""

    def __init__(self, environment: str, repos: Iterable[str] = ()) -> None:
        self.environment = environment
        self.repos = sorted(repos)
        self.values = (environment, *self.repos)

    def condition(self, at: str = "") -> str:
        """Return the condition; a column *at* adds that of a period."""
        marks = ", ".join("?" * len(self.repos))
        repos = f" AND repo IN ({marks})" if marks else ""
        return f"environment = ?{repos}" + (f" AND {at} >= ? AND {at} <= ?" if at else "")

    def place(self, repo: str, service: str) -> Place:
        return Place(repo, self.environment, service or None)


def read_rows(session: Session, where: Where, span: Span, now: int) -> Columns:
    """Read what happened in *span*, as it was known at the moment *now*."""
    return columns(
        list(_deploys(session, where, span)),
        _failures(session, where, span, now),
        _unlinked(session, where, span, now),
    )


def _deploys(session: Session, where: Where, span: Span) -> Iterator[DeployValues]:
    for repo, service, *values in session.execute(
        statements.DEPLOYS.format(where=where.condition("at")), (*where.values, *span)
    ).fetchall():
        yield DeployValues(where.place(repo, service), *values)


def _failures(session: Session, where: Where, span: Span, now: int) -> Iterator[FailureValues]:
    # By id: time, repository, service, time until the first remedy, and the incidents.
    found: dict[str, tuple[int, str, str, int | None, list[rows.Span]]] = {}
    for statement, moments in ((statements.JUDGED_FAILED, ()), (statements.REMEDIED, (now,))):
        for id_, at, repo, service, remedied_after in session.execute(
            statement.format(where=where.condition("at")), (*moments, *where.values, *span)
        ).fetchall():
            found[id_] = at, repo, service, remedied_after, []
    not_failed = rows.not_failed(session)
    for id_, at, repo, service, began_at, ended_at, merged in session.execute(
        statements.SPANS.format(where=where.condition("deploy_at")), (now, now, *where.values, *span)
    ).fetchall():
        if id_ in not_failed:
            continue
        deploy = found.get(id_)
        if deploy is None:
            deploy = found[id_] = at, repo, service, None, []
        deploy[4].append(rows.Span.known(now, began_at, ended_at, merged))
    for at, repo, service, remedied_after, spans in found.values():
        place, outage = where.place(repo, service), first_outage(spans)
        if outage is None:
            yield FailureValues(place, at, None, False, remedied_after)
        else:
            yield FailureValues(place, at, outage.duration_us, outage.duration_us is None, None)


def _unlinked(session: Session, where: Where, span: Span, now: int) -> Iterator[UnlinkedValues]:
    """Yield the incidents that are attributed to no deploy."""
    for repo, service, at, wide in session.execute(
        statements.UNLINKED.format(where=where.condition("at")), (now, now, *where.values, *span)
    ).fetchall():
        yield UnlinkedValues(where.place(repo, service), at, wide is not None)
