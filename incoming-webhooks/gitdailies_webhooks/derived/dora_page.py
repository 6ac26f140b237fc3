"""What the page of figures shows, read at one moment: figures, their course, a line of events.

Each deploy and each incident of the period is read once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows
from gitdailies_webhooks.derived.queries import Question, answer_of, first_seen, selected
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import PRODUCTION, Settings
from gitdailies_webhooks.figures.timeline import Timeline, timeline
from gitdailies_webhooks.figures.trend import Course, course

_MOST_ENVIRONMENTS = 50

# Below what any build of SQLite takes as parameters of one statement.
_AT_ONCE = 500


class Overview(NamedTuple):
    """The answer of `GET /api/metrics`, and what stands around it.

    `began_at` is when the first deploy or incident of the place happened, before the period or in it;
    None where there is none. `events` holds, by id, the bodies of the events that the line names, with
    their `seq`. `repos` and `environments` are names to choose from.
    """

    answer: dict[str, Any]
    course: Course
    line: Timeline
    began_at: int | None
    events: dict[str, dict[str, Any]]
    repos: Sequence[str]
    environments: Sequence[str]


def overview(session: Session, question: Question, settings: Settings) -> Overview:
    """Read what the page shows for a question."""
    span, window = question.selection.span, settings.window_us
    found = selected(session, question, settings)
    line = timeline(found.deploys, found.incidents, span, window)
    return Overview(
        answer=answer_of(session, question, settings, found),
        course=course(found.deploys, found.incidents, span, window),
        line=line,
        began_at=_began_at(session, question.selection),
        events=dict(_events(session, _named(line))),
        repos=_repos(session),
        environments=_environments(session, settings),
    )


def _named(line: Timeline) -> set[str]:
    alone = {mark.id for marks in line.lanes.values() for mark in marks if mark.id is not None}
    return alone | {event.id for event in line.listed}


def _events(session: Session, ids: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    wanted = sorted(ids)
    for first in range(0, len(wanted), _AT_ONCE):
        chunk = wanted[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(chunk))
        query = f"SELECT id, seq, body FROM events WHERE id IN ({marks})"  # noqa: S608  question marks
        for id_, seq, body in session.execute(query, chunk):
            yield id_, {**json.loads(body), "seq": seq}


def _began_at(session: Session, selection: Selection) -> int | None:
    moments = (rows.first(session, table, selection) for table in rows.TABLES)
    return min((at for at in moments if at is not None and at <= selection.span.now), default=None)


def _repos(session: Session) -> list[str]:
    spelled: dict[str, list[str]] = {}
    for name, compared in rows.names(session).items():
        spelled.setdefault(compared, []).append(name)
    return [
        names[0] if len(names) == 1 else first_seen(session, names) or names[0]
        for _, names in sorted(spelled.items())
    ]


def _environments(session: Session, settings: Settings) -> list[str]:
    found = rows.environments(session, _MOST_ENVIRONMENTS)
    return [settings.production[0], *(name for name in found if name != PRODUCTION)]
