"""Answers to questions about figures, from the derived rows.

Rows say from when on each of their facts holds, so that they answer a question about any moment. While the
rows are for other settings, the events answer, if they are not too many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived import repositories, rows, statements
from gitdailies_webhooks.derived.question import Question
from gitdailies_webhooks.derived.series import sums
from gitdailies_webhooks.derived.verdicts import Event, verdicts
from gitdailies_webhooks.events import change_log, spellings
from gitdailies_webhooks.figures.advice import ADVICE
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
from gitdailies_webhooks.figures.series import ALL, SeriesQuestion, plan
from gitdailies_webhooks.figures.settings import DEFINITIONS, FigureSettings, folded
from gitdailies_webhooks.figures.tally import headline

# The fields of an event that are listed with its verdicts.
_FIELDS = ("id", "kind", "time", "repo", "environment", "service", "incidentId", "commitSHA")


class Selected(NamedTuple):
    """The deploys and incidents of a question, sorted by time and id.

    Every event received before `as_of` is in them. `first` is the time of the first event of the selected
    repository, or of all, of any kind and in any environment; None if there is none.
    """

    deploys: list[DeployRow]
    incidents: list[IncidentRow]
    as_of: int
    first: int | None


def selected(session: Session, question: Question, settings: FigureSettings) -> Selected:
    """Read the deploys and incidents of a question.

    Raises Refusal if the rows are for other settings, and more events than `repositories.MOST_EVENTS` would
    have to be read.
    """
    selection = question.selection
    now = selection.period.now
    first = _first_at(session, selection, _names(session, selection))
    if rows.outdated(session, settings):
        most = repositories.MOST_EVENTS
        history = repositories.history_of(session, selection.repo, settings, now, most)
        return Selected(*select_rows(derive(history, settings), selection), now, first)
    as_of = change_log.complete_until(session, now)
    deploys, incidents = rows.read_deploys(session, selection), rows.read_incidents(session, selection)
    return Selected(deploys, incidents, as_of, first)


def answer(
    session: Session,
    question: Question,
    settings: FigureSettings,
    most: int | None = repositories.MOST_EVENTS,
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """Return the body of `GET /api/metrics`: definitions, period, filter, figures, and the time `asOf`.

    Every event received before `asOf` is in the figures.
    """
    selection = question.selection
    period, asked = selection.period, SeriesQuestion.of(selection)
    names = _names(session, selection)
    first, planned = _first_at(session, selection, names), plan(asked)
    read = sums.read(session, asked, planned, settings, most, fresh=fresh, gaps=True)
    numbers = headline(
        read.sums.over(ALL, planned.total),
        read.sums.times(ALL, planned.total),
        period.days_since(period.observed_from(first)),
    )
    return _body(session, question, settings, numbers, names, first=first, as_of=read.as_of)


def answer_of(
    session: Session, question: Question, settings: FigureSettings, found: Selected
) -> dict[str, Any]:
    """Return the same for deploys and incidents that were already read."""
    period = question.selection.period
    numbers = figures(
        found.deploys,
        unlinked=count_unlinked(found.incidents),
        period=period,
        observed_from=period.observed_from(found.first),
        window=settings.window_us,
    )
    names = _names(session, question.selection)
    return _body(session, question, settings, numbers, names, first=found.first, as_of=found.as_of)


def _body(
    session: Session,
    question: Question,
    settings: FigureSettings,
    numbers: dict[str, Any],
    names: Mapping[str, str],
    *,
    first: int | None,
    as_of: int,
) -> dict[str, Any]:
    observed_from = question.selection.period.observed_from(first)
    return {
        "definitions": DEFINITIONS,
        "period": _period(question.selection, settings, observed_from),
        "filter": _filter(session, question, settings, names),
        "asOf": text_of(from_us(as_of)),
        "windowSeconds": settings.window.total_seconds(),
        "figures": numbers,
    }


def why(
    session: Session,
    question: Question,
    settings: FigureSettings,
    *,
    after: tuple[int, str],
    limit: int,
    most: int | None = repositories.MOST_EVENTS,
) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    """Return a page of the events of the period with their verdicts, oldest first, and the next cursor.

    Events of other environments and services are included; their verdict names the filter.
    """
    period = question.selection.period
    found: list[tuple[int, str, int, str, str]] = []
    last = period.now if period.ended_at is None else min(period.now, period.ended_at - 1)
    for name in _spelled(spellings.names(session), question.selection):
        found += session.execute(
            statements.EVENTS_OF_PERIOD,
            (name, period.began_at, last, after[0], after[0], after[1], limit + 1),
        ).fetchall()
    found.sort(key=lambda row: row[:2])
    page = found[:limit]
    events = [Event(seq, id_, folded(repo), body) for _, id_, seq, repo, body in page]
    judged = _verdicts(session, events, question.selection, settings, most)
    return judged, page[-1][:2] if len(found) > limit else None


def why_one(
    session: Session,
    selection: Selection,
    settings: FigureSettings,
    id_: str,
    most: int | None = repositories.MOST_EVENTS,
) -> dict[str, Any] | None:
    """Return one event with its verdicts, from any time; None if there is no event with that id."""
    row = session.execute(statements.EVENT_BY_ID, (id_,)).fetchone()
    if row is None:
        return None
    seq, repo, body = row
    return _verdicts(session, [Event(seq, id_, folded(repo or ""), body)], selection, settings, most)[0]


def _verdicts(
    session: Session,
    events: Sequence[Event],
    selection: Selection,
    settings: FigureSettings,
    most: int | None,
) -> list[dict[str, Any]]:
    if not rows.outdated(session, settings):
        found = verdicts(session, events, selection, settings)
    else:
        # Everything that concerns an event is in its repository.
        reasons = {}
        for repo in {event.repo for event in events}:
            history = repositories.history_of(session, repo, settings, selection.period.now, most)
            reasons[repo] = Reasons(history, derive(history, settings), selection, settings)
        found = [reasons[event.repo].of(event.id) for event in events]
    return [_judged(orjson.loads(event.body), of) for event, of in zip(events, found, strict=True)]


def _judged(body: dict[str, Any], verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    return {
        **{name: body[name] for name in _FIELDS if name in body},
        "verdicts": [{**verdict._asdict(), "advice": ADVICE[verdict.word]} for verdict in verdicts],
    }


def _names(session: Session, selection: Selection) -> Mapping[str, str]:
    """Return every spelling with its folded name; none if all repositories are selected."""
    return {} if selection.repo is None and selection.team is None else spellings.names(session)


def _first_at(session: Session, selection: Selection, names: Mapping[str, str]) -> int | None:
    """Return the time of the first event of the selected repositories, or of all."""
    if selection.repo is None and selection.team is None:
        query, values = statements.FIRST_TIME_OF_KIND, [kind.word for kind in KINDS]
    else:
        query, values = statements.FIRST_TIME_OF_REPOSITORY, _spelled(names, selection)
    found = (session.execute(query, (value,)).fetchone() for value in values)
    return min((int(row[0]) for row in found if row is not None), default=None)


def _spelled(names: Mapping[str, str], selection: Selection) -> list[str]:
    """Return every spelling of the selected repositories."""
    return sorted(name for name, repo in names.items() if selection.selects_repo(repo))


def _period(selection: Selection, settings: FigureSettings, observed_from: int | None) -> dict[str, Any]:
    period = selection.period
    return {
        "from": text_of(from_us(period.began_at)),
        "to": None if period.ended_at is None else text_of(from_us(period.ended_at)),
        "now": text_of(from_us(period.now)),
        "observedFrom": None if observed_from is None else text_of(from_us(observed_from)),
        "days": period.days,
        "timezone": settings.timezone,
    }


def _filter(
    session: Session, question: Question, settings: FigureSettings, names: Mapping[str, str]
) -> dict[str, str | None]:
    """Return the filters, with the first spelling of the repository."""
    selection = question.selection
    repo = None
    if question.repo:
        spelled = [name for name, folded_name in names.items() if folded_name == selection.repo]
        repo = spellings.first_spelling(session, spelled) or question.repo
    return {
        "repo": repo,
        "environment": question.environment if selection.environment else settings.production_name,
        "service": question.service or None,
        "team": selection.team,
    }
