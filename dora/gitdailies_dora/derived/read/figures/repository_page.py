"""What the page of one repository shows: figures, buckets, marks on tracks, and names to choose from.

All of it is read at one moment.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.accounts.audit import AuditLine, setting_changes
from gitdailies_dora.derived.model import repositories, rows, statements
from gitdailies_dora.derived.model.deploys import first_of_services
from gitdailies_dora.derived.read.answers import EventReference
from gitdailies_dora.derived.read.figures.answer import filter_of, read
from gitdailies_dora.derived.read.figures.known_names import unknown_in
from gitdailies_dora.derived.read.figures.names import Choices, Names, choices
from gitdailies_dora.derived.read.question import Question
from gitdailies_dora.events.listing import texts_of
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.numbers import P25, P75
from gitdailies_dora.figures.answers.report import FiguresFilter, SeriesBucket
from gitdailies_dora.figures.answers.series import ALL, SeriesQuestion, Summary
from gitdailies_dora.figures.answers.tally import in_seconds
from gitdailies_dora.figures.answers.tracks import Tracks, rows_of, tracks_of
from gitdailies_dora.figures.answers.trend import Bucket
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import lookup_many

# The last counting deploy of a target up to a moment.
_LAST = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND environment = ? AND service = ? AND counts = 1"
    " AND at <= ? ORDER BY at DESC, id DESC LIMIT 1"
)


class ShownBucket(NamedTuple):
    """A bucket, its figures, and the quartiles of its recovery times in seconds."""

    bucket: Bucket
    figures: SeriesBucket
    recovery_p25: float | None
    recovery_p75: float | None


class TimelineEvent(NamedTuple):
    """An event on the tracks, its number, and the run that it names."""

    seq: int
    about: EventReference
    run: str = ""


class RepositoryPage(NamedTuple):
    """The figures of a page; every event received before `as_of` is in them.

    `before` is the time at which the period before began; None without one. `began_at` is the time of the
    first deploy or incident of the target, before the period or in it. `events` are those on the tracks, by
    id, and `shares` those of `Sums.shares`. `untold` is what `rows.untold_lists` says, and `unknown` what
    `unknown_in` returns if there is nothing. `live` are the last deploys of each environment and service of
    one repository, as they are folded, by their ids.
    """

    target: FiguresFilter
    figures: Summary
    before: int | None
    buckets: Sequence[ShownBucket]
    shares: Sequence[float]
    as_of: int
    tracks: Tracks
    began_at: int | None
    events: dict[str, TimelineEvent]
    choices: Choices
    changed: list[AuditLine]
    untold: bool
    unknown: tuple[str, ...]
    live: dict[str, tuple[str, str]]


def repository_page(
    session: Session, question: Question, asked: SeriesQuestion, settings: FigureSettings
) -> RepositoryPage:
    """Read what the page shows; *asked* is the same question, about everything together in buckets."""
    selection = question.selection
    began_at = series.plan(asked).segments[0].began_at
    found, outdated, deploys, incidents, live, names, first_at, named, changed, untold, unknown = (
        read_together(
            session,
            partial(read, session, asked, settings),
            partial(rows.outdated, session, settings),
            partial(rows.read_deploys, session, selection, settings),
            partial(rows.read_incidents, session, selection),
            partial(_live, session, selection.repo, selection.period.now),
            partial(Names, session, asked, settings),
            partial(rows.first_event_at, session, selection),
            partial(choices, session, selection, settings),
            partial(
                setting_changes,
                session,
                began_at,
                selection.period.until,
                selection.repo,
                selection.team or "",
            ),
            partial(rows.untold_lists, session, selection),
            partial(unknown_in, session, asked, settings),
        )
    )
    planned, sums, first = found.planned, found.sums, series.first_of(asked, found.firsts, ALL)
    tallies = sums.each([ALL], [part for _, part in planned.buckets])
    recoveries = in_seconds([one.recoveries for one in tallies], P25, P75)
    figures = series.buckets(planned, sums, [ALL], [first])[0]
    (change,), _ = series.changes(series.differences(planned, sums, [(ALL,)], [first]))
    if outdated:
        now, most = selection.period.now, repositories.MOST_EVENTS
        history = repositories.history_of(session, selection.repo, settings, now, most)
        deploys, incidents = rows_of(derive(history, settings), selection)
    drawn = tracks_of(deploys, incidents, selection.period, settings.window_us)
    return RepositoryPage(
        target=filter_of(names, question, settings),
        figures=series.summary(asked, planned, sums, (ALL,), first)._replace(change=change),
        before=None if planned.before is None else planned.before.began_at,
        buckets=[
            ShownBucket(bucket, of_bucket, *quartiles)
            for (bucket, _), of_bucket, quartiles in zip(planned.buckets, figures, recoveries, strict=True)
        ],
        shares=sums.shares((ALL,), asked.period),
        as_of=found.as_of,
        tracks=drawn,
        began_at=first_at,
        events=_events(session, _ids(drawn) | live.keys(), settings),
        choices=named,
        changed=changed,
        untold=untold and not outdated,
        unknown=() if drawn.listed else unknown,
        live=live,
    )


def _live(session: Session, repo: str | None, now: int) -> dict[str, tuple[str, str]]:
    if repo is None:
        return {}
    targets = sorted({(repo, "", ""), *first_of_services(session, [repo])})
    found = fetch_together(session, *((_LAST, (*target, now)) for target in targets))
    return {id_: target[1:] for target, last in zip(targets, found, strict=True) for (id_,) in last}


def _ids(drawn: Tracks) -> set[str]:
    single = {mark.id for marks in drawn.tracks.values() for mark in marks if mark.id is not None}
    return single | {event.id for event in drawn.listed}


def _events(session: Session, ids: Iterable[str], settings: FigureSettings) -> dict[str, TimelineEvent]:
    wanted = [(id_,) for id_ in sorted(ids)]
    found = lookup_many(session, "id", wanted, statements.EVENTS_BY_ID)
    return {
        id_: TimelineEvent(seq, EventReference.of(texts), texts.get("run", ""))
        for id_, seq, body in found
        for texts in (texts_of(body, settings.renames),)
    }
