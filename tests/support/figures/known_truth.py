"""Histories whose true rates are known, drawn by chance, to measure how far off the figures are.

A team deploys at a known rate, and a known part of the deploys fails. Seven of ten failures become an
incident, which is found a while later and repaired. The other three are only rolled back, by deploying the
commit before; half of these say that they are rollbacks. Half of the deploys are reported twice, by a step
and by a webhook. Some incidents have nothing to do with any deploy.

Times are drawn so that the mean of the medians of few of them is near the true median: that a median of
three differs is a matter of medians, not of these definitions. The values are those of the package, since
parsing would take longer than all the rest.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from statistics import fmean, stdev
from typing import Any, NamedTuple

from gitdailies_webhooks.figures.events import ROLLBACK, Commit, Deploy, End, History, Place, Start
from gitdailies_webhooks.figures.facts import derive
from gitdailies_webhooks.figures.metrics import (
    FAIL_RATE,
    FREQUENCY,
    LEAD_TIME,
    RECOVERY,
    REWORK,
    count_unlinked,
    figures,
    select_rows,
)
from gitdailies_webhooks.figures.selection import Period, Selection
from gitdailies_webhooks.figures.settings import PRODUCTION, FigureSettings

MINUTE = 60_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
# A Monday, at midnight.
BEGINNING = 1_772_409_600_000_000

VIEWS = (7, 14, 30, 90)
NEW_USER = (5, 20, 60)
ESTABLISHED = 120

_INCIDENTS = 0.7  # of the failures; the others are only rolled back
_REPORTED_TWICE = 0.5
_FOUND_AFTER = 20 * MINUTE
_ROLLED_BACK_AFTER = (10 * MINUTE, 50 * MINUTE)
_REPAIR = (15 * MINUTE, 75 * MINUTE)
_LEAD, _LEAD_SIGMA = 8 * HOUR, 0.7


class Team(NamedTuple):
    """Repositories that deploy every *days* days, each by chance or, if *regular*, nearly on the same day.

    *fails* is the part of the deploys that fails, and *unrelated* the number of days between two incidents
    of a repository that have nothing to do with a deploy.
    """

    name: str
    repositories: int
    days: float
    regular: bool
    fails: float
    unrelated: float


BUSY = Team("one busy repository", 1, 0.1, False, 0.10, 30)
WEEKLY = Team("200 weekly repositories", 200, 7, True, 0.15, 200)


def truth(team: Team) -> dict[str, float]:
    """Return the true figures; each failure that is only rolled back makes one deploy more."""
    rollbacks = team.fails * (1 - _INCIDENTS)
    return {
        FREQUENCY: team.repositories / team.days * (1 + rollbacks),
        LEAD_TIME: _LEAD / 1e6,
        FAIL_RATE: team.fails / (1 + rollbacks),
        RECOVERY: fmean(_REPAIR) / 1e6,
        f"{RECOVERY} by remedy": fmean(_ROLLED_BACK_AFTER) / 1e6,
        REWORK: rollbacks / (1 + rollbacks),
    }


def draw(team: Team, chance: random.Random, days: int) -> History:
    """Draw the events of *days* days; the team begins at some time of the first day."""
    began = BEGINNING + int(chance.random() * DAY)
    deploys: list[Deploy] = []
    incidents: list[tuple[int, Place]] = []
    for number in range(team.repositories):
        place = Place(f"larkspur/{number}", PRODUCTION, None)
        _draw_repository(team, chance, place, (began, began + days * DAY), deploys, incidents)
    starts, ends = [], []
    for number, (at, place) in enumerate(incidents):
        over = at + int(chance.uniform(*_REPAIR))
        starts.append(Start(f"s{number}", at, place, f"INC-{number}", None))
        ends.append(End(f"t{number}", over, place.repo, None, None, f"INC-{number}", None, False))
    return History(_sorted(deploys), _sorted(starts), _sorted(ends))


def _draw_repository(
    team: Team,
    chance: random.Random,
    place: Place,
    span: tuple[int, int],
    deploys: list[Deploy],
    incidents: list[tuple[int, Place]],
) -> None:
    began, ended = span
    # What was there before the first report of all.
    before, earliest = f"{chance.getrandbits(160):040x}", 0
    reported = False
    for at in _moments(team, chance, began, ended):
        at = max(at, earliest)
        sha = f"{chance.getrandbits(160):040x}"
        listed = [
            Commit(f"{chance.getrandbits(160):040x}", at - _skewed(chance, _LEAD, _LEAD_SIGMA))
            for _ in range(chance.randint(1, 4))
        ]
        _report(chance, deploys, Deploy("", at, place, sha, "deploy", tuple(listed), None))
        if chance.random() < team.fails:
            if chance.random() < _INCIDENTS:
                incidents.append((at + int(chance.expovariate(1 / _FOUND_AFTER)), place))
            else:
                earliest = at + int(chance.uniform(*_ROLLED_BACK_AFTER))
                # Nobody can see that a commit is an earlier one if it was never reported.
                says = ROLLBACK if not reported or chance.random() < 0.5 else ""
                back = Deploy("", earliest, place, before, says or "deploy", None, None, says=says)
                _report(chance, deploys, back)
                earliest += MINUTE
                reported = True
                continue
        before, reported = sha, True
    at = began
    while (at := at + int(chance.expovariate(1 / (team.unrelated * DAY)))) < ended:
        incidents.append((at, place))


def _moments(team: Team, chance: random.Random, began: int, ended: int) -> Iterator[int]:
    gap = int(team.days * DAY)
    if not team.regular:
        while (began := began + int(chance.expovariate(1 / gap))) < ended:
            yield began
        return
    for at in range(began - int(chance.random() * gap), ended + gap, gap):
        moment = at + int(chance.uniform(-DAY, DAY))
        if began <= moment < ended:
            yield moment


def _report(chance: random.Random, deploys: list[Deploy], made: Deploy) -> None:
    run = f"ci:{len(deploys)}"
    reporters = [(made.at, "step/ci")]
    if chance.random() < _REPORTED_TWICE:
        reporters.append((made.at + int(chance.uniform(-MINUTE, MINUTE) / 2), "relay/ci"))
    for when, reporter in reporters:
        deploys.append(made._replace(id=f"d{len(deploys)}", at=when, run=run, reporter=reporter))


def _skewed(chance: random.Random, median: int, sigma: float) -> int:
    return int(chance.lognormvariate(math.log(median), sigma))


def _sorted(events: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(events, key=lambda event: (event.at, event.id)))


def until(history: History, now: int) -> History:
    """Return the events up to *now*."""
    return History(
        tuple(event for event in history.deploys if event.at <= now),
        tuple(event for event in history.starts if event.at <= now),
        tuple(event for event in history.ends if event.at <= now),
    )


def asked(history: History, now: int, views: Iterable[int]) -> dict[int, dict[str, float | None]]:
    """Return the main number of each figure of each view, a number of days up to *now*."""
    return {days: _main_numbers(numbers) for days, numbers in answers(history, now, views).items()}


def answers(history: History, now: int, views: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return all figures of each view, a number of days up to *now*."""
    settings = FigureSettings()
    facts, first = derive(until(history, now), settings), until(history, now).first_at()
    found = {}
    for days in views:
        period = Period(now - days * DAY, None, now, UTC)
        deploys, incidents = select_rows(facts, Selection(period))
        found[days] = figures(
            deploys,
            unlinked=count_unlinked(incidents),
            period=period,
            observed_from=period.observed_from(first),
            window=settings.window_us,
        )
    return found


def asked_as_before(history: History, now: int, views: Iterable[int]) -> dict[int, dict[str, float | None]]:
    """Return the rates as they were defined before, as a control.

    Failures of young deploys were in the numerator, with a window of 72 hours, and all asked days counted.
    """
    window = 72 * HOUR
    facts = derive(until(history, now), FigureSettings())
    found: dict[int, dict[str, float | None]] = {}
    for days in views:
        deploys, _ = select_rows(facts, Selection(Period(now - days * DAY, None, now, UTC)))
        failed = sum(row.failed for row in deploys)
        pending = sum(not row.failed and row.at > now - window for row in deploys)
        judged = len(deploys) - pending
        found[days] = {
            FREQUENCY: len(deploys) / days,
            FAIL_RATE: failed / judged if judged else None,
        }
    return found


def _main_numbers(numbers: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        FREQUENCY: numbers[FREQUENCY]["value"],
        LEAD_TIME: numbers[LEAD_TIME]["median"],
        FAIL_RATE: numbers[FAIL_RATE]["value"],
        RECOVERY: numbers[RECOVERY]["median"],
        f"{RECOVERY} by remedy": numbers[RECOVERY]["byRemedy"]["median"],
        REWORK: numbers[REWORK]["value"],
    }


class Mean(NamedTuple):
    """The mean of a figure over many histories, relative to the truth, and its standard error.

    `known` is the part of the histories in which it is not null.
    """

    ratio: float
    error: float
    known: float


Asked = Callable[[History, int, Iterable[int]], dict[int, dict[str, float | None]]]


def means(team: Team, histories: int, ask: Asked = asked) -> dict[tuple[int, int, str], Mean]:
    """Return the mean of each figure, by day of the user, days of the view, and name."""
    found: dict[tuple[int, int, str], list[float | None]] = {}
    for number in range(histories):
        history = draw(team, random.Random(f"{team.name} {number}"), ESTABLISHED)
        for day in (*NEW_USER, ESTABLISHED):
            began = min(event.at for event in history.deploys)
            for view, numbers in ask(history, began + day * DAY, VIEWS).items():
                for name, value in numbers.items():
                    found.setdefault((day, view, name), []).append(value)
    true = truth(team)
    means_ = {}
    for key, values in found.items():
        known = [value / true[key[2]] for value in values if value is not None]
        error = stdev(known) / math.sqrt(len(known)) if len(known) > 1 else math.inf
        means_[key] = Mean(fmean(known) if known else math.nan, error, len(known) / len(values))
    return means_


def table(team: Team, found: Mapping[tuple[int, int, str], Mean]) -> str:
    """Return the means as a table: how far each is from the truth, in percent; n is null."""
    names = list(dict.fromkeys(name for _, _, name in found))
    lines = [f"{team.name}: mean of each figure, difference to the truth in percent, by view in days"]
    for name in names:
        for day in (*NEW_USER, ESTABLISHED):
            cells = [_cell(found[day, view, name]) for view in VIEWS]
            lines.append(f"{name:45} day {day:4} {''.join(f'{cell:>9}' for cell in cells)}")
    return "\n".join(lines)


def _cell(mean: Mean) -> str:
    if mean.known < 0.5:
        return "null"
    return f"{(mean.ratio - 1) * 100:+.1f}"
