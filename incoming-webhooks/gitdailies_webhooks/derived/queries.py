"""Answers to a question for figures: from derived rows where they are of its moment, else from the events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from gitdailies_core.events.events import KINDS
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived import rows as derived
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.facts import derive
from gitdailies_webhooks.figures.metrics import IncidentRow, Row, figures, rows_of, unlinked
from gitdailies_webhooks.figures.reasons import Reasons
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings, folded


class Question(NamedTuple):
    """What is asked; *live* where nobody named a moment, so that it is this one.

    Names are as they were asked for, "" for none.
    """

    selection: Selection
    repo: str
    environment: str
    service: str
    live: bool


class Selected(NamedTuple):
    """The deploys and incidents that a question is about, by time and id, and up to when they are right."""

    deploys: list[Row]
    incidents: list[IncidentRow]
    as_of: int


def selected(session: Session, question: Question, settings: Settings) -> Selected:
    """Read what a question is about."""
    selection = question.selection
    now = selection.span.now
    behind = change_log.behind_since(session, now)
    right = question.live or (behind is None and _nothing_later(session, now))
    if right and not derived.unsettled(session, settings):
        as_of = now if behind is None else min(behind, now)
        return Selected(derived.rows(session, selection), derived.incidents(session, selection), as_of)
    history = derived.history(session, spelled(session, selection.repo), settings, now)
    return Selected(*rows_of(derive(history, settings), selection), now)


def answer(session: Session, question: Question, settings: Settings) -> dict[str, Any]:
    """Return period, filters, figures, and the moment up to which every event is in them."""
    return answer_of(session, question, settings, selected(session, question, settings))


def answer_of(session: Session, question: Question, settings: Settings, found: Selected) -> dict[str, Any]:
    """Return the answer to a question whose deploys and incidents were read."""
    selection = question.selection
    return {
        "period": _period(selection, settings),
        "filter": _filter(session, question, settings),
        "asOf": text_of(from_us(found.as_of)),
        "windowSeconds": settings.window.total_seconds(),
        "figures": figures(
            found.deploys,
            unlinked=unlinked(found.incidents),
            span=selection.span,
            window=settings.window_us,
        ),
    }


def why(
    session: Session, question: Question, settings: Settings, *, after: tuple[int, str], limit: int
) -> tuple[list[dict[str, Any]], tuple[int, str] | None]:
    """Return events of the period with their verdicts, oldest first, and the cursor of those that follow.

    Events of other environments and services are among them, with that as their reason.
    """
    span = question.selection.span
    names = spelled(session, question.selection.repo)
    rows: list[tuple[int, str, str, str]] = []
    last = span.now if span.ended_at is None else min(span.now, span.ended_at - 1)
    for name in names:
        rows += session.execute(
            "SELECT time, id, repo, body FROM events WHERE repo = ? AND time >= ? AND time <= ?"
            " AND (time > ? OR (time = ? AND id > ?)) ORDER BY time, id LIMIT ?",
            (name, span.began_at, last, after[0], after[0], after[1], limit + 1),
        ).fetchall()
    rows.sort(key=lambda row: row[:2])
    page = rows[:limit]
    verdicts = _verdicts(session, {folded(row[2]) for row in page}, question.selection, settings)
    told = [_told(orjson.loads(body), verdicts[folded(repo)].of(id_)) for _, id_, repo, body in page]
    return told, page[-1][:2] if len(rows) > limit else None


def why_one(session: Session, selection: Selection, settings: Settings, id_: str) -> dict[str, Any] | None:
    """Return one event with its verdicts, whenever it happened; None where there is none of that id."""
    row = session.execute("SELECT repo, body FROM events WHERE id = ?", (id_,)).fetchone()
    if row is None:
        return None
    repo = folded(row[0] or "")
    return _told(orjson.loads(row[1]), _verdicts(session, {repo}, selection, settings)[repo].of(id_))


def _verdicts(
    session: Session, repos: set[str], selection: Selection, settings: Settings
) -> dict[str, Reasons]:
    # What concerns an event is all in its repository.
    found = {}
    for repo in repos:
        history = derived.history(session, spelled(session, repo), settings, selection.span.now)
        found[repo] = Reasons(history, derive(history, settings), selection, settings)
    return found


def _told(body: dict[str, Any], verdicts: Any) -> dict[str, Any]:
    shown = ("id", "kind", "time", "repo", "environment", "service", "incidentId", "commitSHA")
    return {
        **{name: body[name] for name in shown if name in body},
        "verdicts": [verdict._asdict() for verdict in verdicts],
    }


def spelled(session: Session, repo: str | None) -> list[str]:
    """Return every spelling of a repository, or of all."""
    return sorted(name for name, compared in derived.names(session).items() if repo in (None, compared))


def _nothing_later(session: Session, now: int) -> bool:
    """Whether no event is later than *now*, so that derived rows are of that moment too."""
    if change_log.has_notes(session):
        return False
    found = (
        session.execute(
            "SELECT time FROM events WHERE kind = ? ORDER BY time DESC LIMIT 1", (kind.word,)
        ).fetchone()
        for kind in KINDS
    )
    return all(row is None or row[0] <= now for row in found)


def _period(selection: Selection, settings: Settings) -> dict[str, Any]:
    span = selection.span
    return {
        "from": text_of(from_us(span.began_at)),
        "to": None if span.ended_at is None else text_of(from_us(span.ended_at)),
        "now": text_of(from_us(span.now)),
        "days": span.days,
        "timezone": settings.timezone,
    }


def _filter(session: Session, question: Question, settings: Settings) -> dict[str, str | None]:
    """Say by what was filtered, in names as they were first seen."""
    selection = question.selection
    repo = None
    if question.repo:
        repo = first_seen(session, spelled(session, selection.repo)) or question.repo
    return {
        "repo": repo,
        "environment": question.environment if selection.environment else settings.production[0],
        "service": question.service or None,
    }


def first_seen(session: Session, names: Iterable[str]) -> str | None:
    """Return that spelling of a repository which came first; None where no event has any of them."""
    found: list[tuple[int, str]] = []
    for name in names:
        found += session.execute(
            "SELECT seq, repo FROM events WHERE repo = ? ORDER BY seq LIMIT 1", (name,)
        ).fetchall()
    return min(found)[1] if found else None
