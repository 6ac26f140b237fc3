"""Answers to questions about figures, from the derived rows or from the events.

The rows answer a question about the present moment. The events answer one about another moment, and any
question while the rows are for other settings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived import repositories, rows, statements
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.facts import derive
from gitdailies_webhooks.figures.metrics import (
    DeployRow,
    IncidentRow,
    count_unlinked,
    figures,
    select_rows,
)
from gitdailies_webhooks.figures.reasons import Reasons, Verdict
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import FigureSettings, folded

# The fields of an event that are listed with its verdicts.
_FIELDS = ("id", "kind", "time", "repo", "environment", "service", "incidentId", "commitSHA")


class Question(NamedTuple):
    """A question about figures; it is *live* if it is about the present moment.

    The names are as people wrote them, "" for none.
    """

    selection: Selection
    repo: str
    environment: str
    service: str
    live: bool


class Selected(NamedTuple):
    """The deploys and incidents of a question, sorted by time and id.

    Every event received before `as_of` is in them.
    """

    deploys: list[DeployRow]
    incidents: list[IncidentRow]
    as_of: int


def selected(session: Session, question: Question, settings: FigureSettings) -> Selected:
    """Read the deploys and incidents of a question."""
    selection = question.selection
    now = selection.period.now
    behind = change_log.behind_since(session, now)
    rows_fit = question.live or (behind is None and _nothing_later(session, now))
    if rows_fit and not rows.outdated(session, settings):
        as_of = now if behind is None else min(behind, now)
        return Selected(rows.read_deploys(session, selection), rows.read_incidents(session, selection), as_of)
    spellings = repositories.spellings(session, selection.repo)
    history = repositories.history(session, spellings, settings, now)
    return Selected(*select_rows(derive(history, settings), selection), now)


def answer(session: Session, question: Question, settings: FigureSettings) -> dict[str, Any]:
    """Return the body of `GET /api/metrics`: period, filter, figures, and the time `asOf`.

    Every event received before `asOf` is in the figures.
    """
    return answer_of(session, question, settings, selected(session, question, settings))


def answer_of(
    session: Session, question: Question, settings: FigureSettings, found: Selected
) -> dict[str, Any]:
    """Return the same for deploys and incidents that were already read."""
    selection = question.selection
    return {
        "period": _period(selection, settings),
        "filter": _filter(session, question, settings),
        "asOf": text_of(from_us(found.as_of)),
        "windowSeconds": settings.window.total_seconds(),
        "figures": figures(
            found.deploys,
            unlinked=count_unlinked(found.incidents),
            period=selection.period,
            window=settings.window_us,
        ),
    }


def why(
    session: Session, question: Question, settings: FigureSettings, *, after: tuple[int, str], limit: int
) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    """Return a page of the events of the period with their verdicts, oldest first, and the next cursor.

    Events of other environments and services are included; their verdict names the filter.
    """
    period = question.selection.period
    found: list[tuple[int, str, str, str]] = []
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    for name in repositories.spellings(session, question.selection.repo):
        found += session.execute(
            statements.EVENTS_OF_PERIOD,
            (name, period.began_at, last, after[0], after[0], after[1], limit + 1),
        ).fetchall()
    found.sort(key=lambda row: row[:2])
    page = found[:limit]
    repos = {folded(repo) for _, _, repo, _ in page}
    reasons = _reasons(session, repos, question.selection, settings)
    events = [_judged(orjson.loads(body), reasons[folded(repo)].of(id_)) for _, id_, repo, body in page]
    return events, page[-1][:2] if len(found) > limit else None


def why_one(
    session: Session, selection: Selection, settings: FigureSettings, id_: str
) -> dict[str, Any] | None:
    """Return one event with its verdicts, from any time; None if there is no event with that id."""
    row = session.execute(statements.EVENT_BY_ID, (id_,)).fetchone()
    if row is None:
        return None
    repo = folded(row[0] or "")
    reasons = _reasons(session, {repo}, selection, settings)
    return _judged(orjson.loads(row[1]), reasons[repo].of(id_))


def _reasons(
    session: Session, repos: set[str], selection: Selection, settings: FigureSettings
) -> dict[str, Reasons]:
    # Everything that concerns an event is in its repository.
    reasons = {}
    for repo in repos:
        spellings = repositories.spellings(session, repo)
        history = repositories.history(session, spellings, settings, selection.period.now)
        reasons[repo] = Reasons(history, derive(history, settings), selection, settings)
    return reasons


def _judged(body: dict[str, Any], verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    return {
        **{name: body[name] for name in _FIELDS if name in body},
        "verdicts": [verdict._asdict() for verdict in verdicts],
    }


def _nothing_later(session: Session, now: int) -> bool:
    """Whether no event is later than *now*, so that the rows are right at that moment, too."""
    if change_log.has_notes(session):
        return False
    latest = (session.execute(statements.LATEST_TIME_OF_KIND, (kind.word,)).fetchone() for kind in KINDS)
    return all(row is None or row[0] <= now for row in latest)


def _period(selection: Selection, settings: FigureSettings) -> dict[str, Any]:
    period = selection.period
    return {
        "from": text_of(from_us(period.began_at)),
        "to": None if period.ended_at is None else text_of(from_us(period.ended_at)),
        "now": text_of(from_us(period.now)),
        "days": period.days,
        "timezone": settings.timezone,
    }


def _filter(session: Session, question: Question, settings: FigureSettings) -> dict[str, str | None]:
    """Return the filters, with the first spelling of the repository."""
    selection = question.selection
    repo = None
    if question.repo:
        spellings = repositories.spellings(session, selection.repo)
        repo = repositories.first_spelling(session, spellings) or question.repo
    return {
        "repo": repo,
        "environment": question.environment if selection.environment else settings.production[0],
        "service": question.service or None,
    }
