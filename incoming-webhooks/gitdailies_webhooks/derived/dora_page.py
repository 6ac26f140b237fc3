"""Everything that the DORA page shows: figures, trend, timeline, and names to choose from.

All of it is read at one moment. Each deploy and each incident of the period is read once.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import rows, statements
from gitdailies_webhooks.derived.queries import Selected, answer_of, selected
from gitdailies_webhooks.derived.question import Question
from gitdailies_webhooks.events import spellings
from gitdailies_webhooks.figures import rolling
from gitdailies_webhooks.figures.rolling import Beside
from gitdailies_webhooks.figures.selection import Period
from gitdailies_webhooks.figures.settings import PRODUCTION, FigureSettings
from gitdailies_webhooks.figures.timeline import Timeline, timeline
from gitdailies_webhooks.figures.trend import Trend, trend
from gitdailies_webhooks.sql.bulk import lookup_many

MOST_ENVIRONMENTS = 50
# Deploys of another environment are counted up to this number.
MOST_SEEN = 1000


class Overview(NamedTuple):
    """The body of `GET /api/metrics`, and what the page shows with it.

    `beside` has for each bucket of the trend what is drawn beside its figures.
    `began_at` is the time of the first deploy or incident of the place, before the period or in it; None
    if there is none. `events` holds the bodies of the events of the timeline by id, each with its `seq`.
    `repos` and `environments` are names to choose from. `seen` are the other environments of the same
    repository, service and period, each with its number of deploys, up to `MOST_SEEN`.
    """

    answer: dict[str, Any]
    trend: Trend
    beside: Sequence[Mapping[str, Beside]]
    timeline: Timeline
    began_at: int | None
    events: dict[str, dict[str, Any]]
    repos: Sequence[str]
    environments: Sequence[str]
    seen: Sequence[tuple[str, int]]


def overview(session: Session, question: Question, settings: FigureSettings) -> Overview:
    """Read what the page shows for a question."""
    period, window = question.selection.period, settings.window_us
    # One read serves the period, and the weeks before it that rolling values need.
    wide = replace(period, began_at=rolling.needed_from(period))
    selection = replace(question.selection, period=wide)
    read = selected(session, question._replace(selection=selection), settings)
    found = _since(read, period)
    cut = trend(found.deploys, found.incidents, period, window, found.first)
    drawn = timeline(found.deploys, found.incidents, period, window)
    return Overview(
        answer=answer_of(session, question, settings, found),
        trend=cut,
        beside=rolling.beside(read.deploys, [bucket.period for bucket in cut.buckets], period.now - window),
        timeline=drawn,
        began_at=rows.first_event_at(session, question.selection),
        events=_events(session, _ids(drawn)),
        repos=repositories(session),
        environments=environments(session, settings),
        seen=[
            (name or settings.production_name, number)
            for name, number in rows.deploys_by_environment(
                session, question.selection, MOST_ENVIRONMENTS, MOST_SEEN
            )
        ],
    )


def _since(read: Selected, period: Period) -> Selected:
    """Leave out what was before the period."""
    deploys = bisect_left(read.deploys, period.began_at, key=lambda row: row.at)
    incidents = bisect_left(read.incidents, period.began_at, key=lambda row: row.at)
    return read._replace(deploys=read.deploys[deploys:], incidents=read.incidents[incidents:])


def _ids(drawn: Timeline) -> set[str]:
    single = {mark.id for marks in drawn.tracks.values() for mark in marks if mark.id is not None}
    return single | {event.id for event in drawn.listed}


def _events(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    wanted = [(id_,) for id_ in sorted(ids)]
    found = lookup_many(session, "id", wanted, statements.EVENTS_BY_ID)
    return {id_: {**json.loads(body), "seq": seq} for id_, seq, body in found}


def repositories(session: Session) -> list[str]:
    spelled: dict[str, list[str]] = {}
    for name, repo in spellings.names(session).items():
        spelled.setdefault(repo, []).append(name)
    return [
        names[0] if len(names) == 1 else spellings.first_spelling(session, names) or names[0]
        for _, names in sorted(spelled.items())
    ]


def environments(session: Session, settings: FigureSettings) -> list[str]:
    found = rows.environments(session, MOST_ENVIRONMENTS)
    return [settings.production_name, *(name for name in found if name != PRODUCTION)]
