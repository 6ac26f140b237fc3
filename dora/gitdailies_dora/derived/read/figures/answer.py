"""Answers to questions about figures, from the derived rows: no event is read, and nothing is derived.

While the rows are for other settings, the events answer, if they are not too many.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec
from gitdailies_server.round_trips import read_together
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import text_of_us
from msgspec import UNSET, structs

from gitdailies_dora.derived.model.repositories import MOST_EVENTS
from gitdailies_dora.derived.read.figures import question_sums
from gitdailies_dora.derived.read.figures.known_names import unknown_in
from gitdailies_dora.derived.read.figures.names import Names
from gitdailies_dora.derived.read.figures.question_sums import first_times
from gitdailies_dora.derived.read.figures.series_question import cursor, rolling_text
from gitdailies_dora.derived.read.question import Question
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.answers import report, series
from gitdailies_dora.figures.answers.columns import of_facts
from gitdailies_dora.figures.answers.comparison import CONFIDENCE
from gitdailies_dora.figures.answers.numbers import Figures
from gitdailies_dora.figures.answers.selection import Period, Selection
from gitdailies_dora.figures.answers.series import ALL, MOST_NUMBERS, MOST_ROLLING, Plan, SeriesQuestion
from gitdailies_dora.figures.answers.sums import Key, Sums
from gitdailies_dora.figures.history.events import read_history
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings

_NARROW = "choose a longer interval, a shorter period, or fewer repositories, teams or services"


class Read(NamedTuple):
    """What a question found: the sums of each group, and the groups in order.

    `firsts` are the times of the first event of each repository. Every event received before `as_of` is in
    the sums.
    """

    planned: Plan
    sums: Sums
    keys: list[Key]
    firsts: dict[str, int]
    as_of: int


def read(
    session: Session,
    question: SeriesQuestion,
    settings: FigureSettings,
    most: int | None = MOST_EVENTS,
    *,
    fresh: bool = False,
) -> Read:
    """Add up what a question asks for; raises Refusal for too many groups and buckets.

    Raises Refusal, too, if the rows are for other settings and more than *most* events would have to be read.
    With *fresh*, the events are read if the rows are behind.
    """
    planned = series.plan(question)
    _refuse_many(1, planned)
    firsts, (found, as_of) = read_together(
        session,
        partial(first_times, session, settings),
        partial(question_sums.read, session, question, planned, settings, most, fresh=fresh),
    )
    keys = series.ordered(question, planned, found)
    _refuse_many(len(keys), planned)
    return Read(planned, found, keys, firsts, as_of)


def of_selection(
    session: Session,
    question: Question,
    settings: FigureSettings,
    most: int | None = MOST_EVENTS,
    *,
    fresh: bool = False,
) -> report.FiguresAnswer:
    """Return the answer of `GET /api/metrics`. Raises Refusal as `read` does."""
    period, asked = question.selection.period, SeriesQuestion.of(question.selection)
    found, names = read_together(
        session,
        partial(read, session, asked, settings, most, fresh=fresh),
        partial(Names, session, asked, settings),
    )
    first = series.first_of(asked, found.firsts, ALL)
    figures = series.summary(asked, found.planned, found.sums, (ALL,), first).total
    # Names that fit deploys are known. To look for them takes longer than the rest of the answer.
    unknown = () if figures.deployment_frequency.deploys else unknown_in(session, asked, settings)
    place = filter_of(names, question, settings)
    return _answer(figures, period, first, place, settings, as_of=found.as_of, unknown=unknown)


def of_events(
    bodies: Iterable[Mapping[str, Any]], period: Period, repo: str, settings: FigureSettings
) -> report.FiguresAnswer:
    """Return the answer about a repository that a server gives that has these events of it, and no other."""
    history = read_history(bodies, settings, now=period.now)
    asked = SeriesQuestion.of(Selection.make(period, settings, repo=repo))
    planned, first = series.plan(asked), history.first_at(settings.repo(repo))
    found = series.add_up(
        of_facts(derive(history, settings)), asked, series.cuts(planned, asked, settings.window_us)
    )
    figures = series.summary(asked, planned, found, (ALL,), first).total
    place = report.FiguresFilter(repo, settings.production_name, None, None)
    return _answer(figures, period, first, place, settings, as_of=period.now)


def _answer(
    figures: Figures,
    period: Period,
    first: int | None,
    place: report.FiguresFilter,
    settings: FigureSettings,
    *,
    as_of: int,
    unknown: tuple[str, ...] = (),
) -> report.FiguresAnswer:
    observed_from = period.observed_from(first)
    return report.FiguresAnswer(
        definitions=DEFINITIONS,
        period=report.FiguresPeriod(
            from_=text_of_us(period.began_at),
            to=None if period.ended_at is None else text_of_us(period.ended_at),
            now=text_of_us(period.now),
            observed_from=None if observed_from is None else text_of_us(observed_from),
            days=period.days,
            timezone=settings.timezone,
        ),
        filter=place,
        as_of=text_of_us(as_of),
        window_seconds=settings.window.total_seconds(),
        figures=figures,
        unknown=unknown or UNSET,
    )


def filter_of(names: Names, question: Question, settings: FigureSettings) -> report.FiguresFilter:
    """Return what a question is about, with the repository as its first event spells it."""
    selection = question.selection
    return report.FiguresFilter(
        repo=None if selection.repo is None else names.repo(selection.repo, question.repo),
        environment=question.environment if selection.environment else settings.production_name,
        service=question.service or None,
        team=selection.team,
    )


def of_groups(
    session: Session,
    question: SeriesQuestion,
    settings: FigureSettings,
    *,
    limit: int,
    after: Key | None = None,
) -> report.SeriesAnswer:
    """Return the answer of `GET /api/metrics/series`: a page of groups, and `next` for the following one."""
    found, names, unknown = read_together(
        session,
        partial(read, session, question, settings),
        partial(Names, session, question, settings),
        partial(unknown_in, session, question, settings),
    )
    keys = found.keys
    if after is not None:
        keys = keys[bisect_right(keys, question.order(after), key=question.order) :]
    page = keys[:limit]
    firsts = {key: series.first_of(question, found.firsts, key) for key in found.keys}
    every = [(key,) for key in found.keys]
    differences = series.differences(found.planned, found.sums, every, list(firsts.values()))
    changes = dict(zip(found.keys, series.changes(differences)[0], strict=True))
    begun = [firsts[key] for key in page]
    summaries = series.summaries(question, found.planned, found.sums, [(key,) for key in page], begun)
    buckets = series.buckets(found.planned, found.sums, page, begun)
    groups = tuple(
        report.SeriesGroup(names.of(key), summary.total, summary.before, changes[key], of_key)
        for key, summary, of_key in zip(page, summaries, buckets, strict=True)
    )
    period, before = question.period, found.planned.before
    return report.SeriesAnswer(
        definitions=DEFINITIONS,
        as_of=text_of_us(found.as_of),
        timezone=settings.timezone,
        window_seconds=settings.window.total_seconds(),
        by=question.by,
        interval=question.interval or None,
        rolling=rolling_text(question.rolling_weeks),
        from_=text_of_us(period.began_at),
        to=None if period.ended_at is None else text_of_us(period.ended_at),
        now=text_of_us(period.now),
        before=None if before is None else report.SeriesBefore(text_of_us(before.began_at)),
        confidence=CONFIDENCE if question.compare else None,
        filter=names.filters(),
        groups=groups,
        next=cursor(page[-1]) if len(keys) > limit else None,
        unknown=unknown or UNSET,
    )


def version(answered: report.SeriesAnswer) -> str:
    """Return a short text that changes with the numbers of an answer, and with the minute that it is of.

    The days of a period that is not over grow all the time. Within a minute, the difference is not visible.
    """
    minute, before = answered.as_of[:16], answered.before
    lasting = structs.replace(
        answered,
        groups=tuple(map(_lasting, answered.groups)),
        as_of=minute,
        now=minute,
        from_=answered.from_[:16],
        before=None if before is None else report.SeriesBefore(before.from_[:16]),
    )
    return sha256(msgspec.json.encode(lasting)).hexdigest()[:24]


def _lasting(group: report.SeriesGroup) -> report.SeriesGroup:
    """Return a group without the numbers that grow with every moment."""
    buckets = tuple(
        structs.replace(
            _counted(bucket),
            from_="",
            rolling=None if bucket.rolling is None else structs.replace(bucket.rolling, from_=""),
        )
        for bucket in group.buckets
    )
    before = None if group.before is None else _counted(group.before)
    return structs.replace(group, total=_counted(group.total), before=before, buckets=buckets)


_Span = TypeVar("_Span", Figures, report.SeriesBucket)


def _counted(span: _Span) -> _Span:
    """Return the figures of a span without its days, and the counts that are divided by them."""
    frequency = structs.replace(span.deployment_frequency, value=None, days=0.0)
    return structs.replace(span, deployment_frequency=frequency)


def _refuse_many(groups: int, planned: Plan) -> None:
    buckets = max(len(planned.buckets), 1)
    if groups * buckets > MOST_NUMBERS:
        raise refusal(
            "request",
            f"interval: expected at most {MOST_NUMBERS:,} groups times buckets, got {groups:,} × {buckets:,};"
            f" {_NARROW}",
        )
    sums = sum(map(len, planned.rolling))
    if groups * sums > MOST_ROLLING:
        raise refusal(
            "request",
            f"rolling: expected at most {MOST_ROLLING:,} groups times sums, got {groups:,} × {sums:,};"
            f" choose a shorter span, {_NARROW.removeprefix('choose ')}",
        )
