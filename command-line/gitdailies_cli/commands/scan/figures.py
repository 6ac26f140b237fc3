"""Ask the engine of the DORA server for the figures of events. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from gitdailies_core.values.times import text_of
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.columns import of_facts
from gitdailies_dora.figures.answers.report import FiguresAnswer, FiguresFilter, FiguresPeriod
from gitdailies_dora.figures.answers.selection import Period, Selection
from gitdailies_dora.figures.answers.series import ALL, SeriesQuestion
from gitdailies_dora.figures.answers.tally import NO_INTERVAL
from gitdailies_dora.figures.history.events import GitCommits, read_history
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings
from gitdailies_server.storage.timestamps import from_us
from msgspec import structs


def figures(
    bodies: Iterable[str], git_commits: Mapping[str, GitCommits], repo: str, environment: str, period: Period
) -> FiguresAnswer:
    """Return the answer that a server gives that has these events, each a JSON text, and no other."""
    settings = FigureSettings()
    history = read_history(map(json.loads, bodies), settings, now=period.now, git_commits=git_commits)
    asked = SeriesQuestion.of(Selection.make(period, settings, repo=repo, environment=environment))
    planned = series.plan(asked)
    cuts = series.cuts(planned, asked, settings.window_us)
    sums = series.add_up(of_facts(derive(history, settings)), asked, cuts)
    first = history.first_at(settings.repo(repo))
    observed = period.observed_from(first)
    return FiguresAnswer(
        definitions=DEFINITIONS,
        period=FiguresPeriod(
            from_=_text(period.began_at),
            to=None,
            now=_text(period.now),
            observed_from=None if observed is None else _text(observed),
            days=period.days,
            timezone=settings.timezone,
        ),
        filter=FiguresFilter(repo, environment or settings.production_name, None, None),
        as_of=_text(period.now),
        window_seconds=settings.window.total_seconds(),
        figures=series.summary(asked, planned, sums, (ALL,), first).total,
    )


def without_incidents(answer: FiguresAnswer) -> FiguresAnswer:
    """Return an answer without the rates of nothing, which only incidents could tell from a few."""
    found = answer.figures
    fail, rework = found.change_fail_rate, found.deployment_rework_rate
    nothing = {"value": None, "range": NO_INTERVAL, "interval": NO_INTERVAL}
    if not fail.failed:
        found = structs.replace(found, change_fail_rate=structs.replace(fail, **nothing))
    if not rework.rework:
        found = structs.replace(found, deployment_rework_rate=structs.replace(rework, **nothing))
    return structs.replace(answer, figures=found)


def _text(at: int) -> str:
    return text_of(from_us(at))
