"""Histories whose true rates are known, drawn by chance, to measure how far off the figures are.

A team deploys at a known rate, and a known part of the deploys fails. Seven of ten failures become an
incident, which is found a while later and repaired. The other three are only rolled back, by deploying the
commit before; half of these say that they are rollbacks. Half of the deploys are reported twice, by a step
and by a webhook. Some incidents have nothing to do with any deploy.

Times are drawn so that the mean of the medians of few of them is near the true median: that a median of
three differs is a matter of medians, not of these definitions. The values are those of the package, since
parsing would take longer than all the rest.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from statistics import fmean, median, stdev
from typing import Any, NamedTuple

from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_dora.figures.answers.numbers import (
    FAIL_RATE,
    FREQUENCY,
    LEAD_TIME,
    RECOVERY,
    REWORK,
    Figures,
)
from gitdailies_dora.figures.answers.selection import Period, Selection
from gitdailies_dora.figures.history.events import (
    ROLLBACK,
    Commit,
    Deploy,
    End,
    History,
    Start,
)
from gitdailies_dora.figures.history.facts import derive
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings

from tests.support.figures.asking import Computed

MINUTE = 60_000_000
HOUR, DAY = 60 * MINUTE, 1440 * MINUTE
# A Monday, at midnight.
BEGINNING = 1_772_409_600_000_000

VIEWS = (7, 14, 30, 90)
NEW_USER = (5, 20, 60)
ESTABLISHED = 120

_INCIDENTS = 0.7  # of the failures; the others are only rolled back
_REPORTED_TWICE = 0.5
# Who reports every deploy, once.
_EACH = "step/ci"
_FOUND_AFTER = 20 * MINUTE
_ROLLED_BACK_AFTER = (10 * MINUTE, 50 * MINUTE)
_REPAIR = (15 * MINUTE, 75 * MINUTE)
_WINDOW = 24 * HOUR
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
    """Return the true figures but the fail rate; each failure that is only rolled back is one deploy more."""
    rollbacks = team.fails * (1 - _INCIDENTS)
    return {
        FREQUENCY: team.repositories / team.days * (1 + rollbacks),
        LEAD_TIME: _LEAD / 1e6,
        RECOVERY: fmean(_REPAIR) / 1e6,
        f"{RECOVERY} by remedy": fmean(_ROLLED_BACK_AFTER) / 1e6,
        f"{REWORK} without inferred": rollbacks / (1 + rollbacks),
    }


def draw(team: Team, chance: random.Random, days: int) -> tuple[History, list[int]]:
    """Draw the events of *days* days, and when each deploy that fails was; it begins on the first day."""
    began = BEGINNING + int(chance.random() * DAY)
    deploys: list[Deploy] = []
    incidents: list[tuple[int, DeployTarget]] = []
    failed: list[int] = []
    for number in range(team.repositories):
        target = DeployTarget(f"larkspur/{number}", PRODUCTION, None)
        failed += _draw_repository(team, chance, target, (began, began + days * DAY), deploys, incidents)
    starts, ends = [], []
    for number, (at, target) in enumerate(incidents):
        over = at + int(chance.uniform(*_REPAIR))
        starts.append(Start(f"s{number}", at, target, f"INC-{number}", None))
        ends.append(End(f"t{number}", over, target.repo, None, None, f"INC-{number}", None, False))
    return History(_sorted(deploys), _sorted(starts), _sorted(ends)), failed


def _draw_repository(
    team: Team,
    chance: random.Random,
    target: DeployTarget,
    span: tuple[int, int],
    deploys: list[Deploy],
    incidents: list[tuple[int, DeployTarget]],
) -> list[int]:
    """Add the deploys and incidents of a repository, and return when each deploy that fails was."""
    failed: list[int] = []
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
        _report(chance, deploys, Deploy("", at, target, sha, "deploy", tuple(listed), None))
        if chance.random() < team.fails:
            failed.append(at)
            if chance.random() < _INCIDENTS:
                incidents.append((at + int(chance.expovariate(1 / _FOUND_AFTER)), target))
            else:
                earliest = at + int(chance.uniform(*_ROLLED_BACK_AFTER))
                # Nobody can see that a commit is an earlier one if it was never reported.
                says = ROLLBACK if not reported or chance.random() < 0.5 else ""
                back = Deploy("", earliest, target, before, says or "deploy", None, None, says=says)
                _report(chance, deploys, back)
                earliest += MINUTE
                reported = True
                continue
        before, reported = sha, True
    at = began
    while (at := at + int(chance.expovariate(1 / (team.unrelated * DAY)))) < ended:
        incidents.append((at, target))
    return failed


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
    reporters = [(made.at, _EACH)]
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


def answers(history: History, now: int, views: Iterable[int]) -> dict[int, Figures]:
    """Return all figures of each view, a number of days up to *now*."""
    settings, known = FigureSettings(), until(history, now)
    facts = derive(known, settings)
    return {
        days: Computed(known, facts, Selection(Period(now - days * DAY, None, now, UTC)), settings).answer()
        for days in views
    }


def _main_numbers(figures: Figures) -> dict[str, float | None]:
    recovery = figures.failed_deployment_recovery_time
    return {
        FREQUENCY: figures.deployment_frequency.value,
        LEAD_TIME: figures.change_lead_time.median,
        FAIL_RATE: figures.change_fail_rate.value,
        RECOVERY: recovery.median,
        f"{RECOVERY} by remedy": recovery.by_remedy.median,
        # No incident of these teams ends by a deploy, so no fix forward that is inferred is one.
        f"{REWORK} without inferred": figures.deployment_rework_rate.range.low,
    }


class Mean(NamedTuple):
    """The mean of a figure over many histories, relative to the mean truth of these, and its standard error.

    `known` is the part of the histories in which it is not null.
    """

    ratio: float
    error: float
    known: float


def means(team: Team, histories: int) -> dict[tuple[int, int, str], Mean]:
    """Return the mean of each figure, by day of the user, days of the view, and name.

    The fail rate is null where few deploys failed, so its truth is the share that did fail in each history.
    """
    found: dict[tuple[int, int, str], list[tuple[float | None, float]]] = {}
    for number in range(histories):
        history, failed = draw(team, random.Random(f"{team.name} {number}"), ESTABLISHED)
        began = min(event.at for event in history.deploys)
        made = [deploy.at for deploy in history.deploys if deploy.reporter == _EACH]
        for day in (*NEW_USER, ESTABLISHED):
            now = began + day * DAY
            for view, numbers in asked(history, now, VIEWS).items():
                span = now - view * DAY, now - _WINDOW
                true = {**truth(team), FAIL_RATE: _within(failed, span) / max(_within(made, span), 1)}
                for name, value in numbers.items():
                    found.setdefault((day, view, name), []).append((value, true[name]))
    return {key: _mean(values) for key, values in found.items()}


def _within(times: Iterable[int], span: tuple[int, int]) -> int:
    return sum(span[0] <= at <= span[1] for at in times)


def _mean(values: list[tuple[float | None, float]]) -> Mean:
    known = [(value, true) for value, true in values if value is not None]
    if len(known) < 2:
        return Mean(math.nan, math.inf, len(known) / len(values))
    true = fmean(true for _, true in known)
    ratio = fmean(value for value, _ in known) / true
    spread = stdev(value - ratio * true for value, true in known)
    return Mean(ratio, spread / math.sqrt(len(known)) / true, len(known) / len(values))


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


# What follows draws teams whose failures and outside incidents are known one by one, for the grid.

REDEPLOY, REVERT, FIX, NOTHING = "redeploy", "revert", "fix forward", "nothing"
MENDS = (REDEPLOY, REVERT, FIX, NOTHING)
# A failure that is undone may be noticed by nobody else; one may follow another before both are mended.
_QUIET, _ANOTHER = 0.3, 0.2
_LIVED, VIEW = 100, 90


class Cell(NamedTuple):
    """Teams that are alike: deploys a day of each repository, minutes until half of the failures are found.

    An incident that no deploy caused comes every *outside* days on average, *load* times as often in office
    hours as at other times. If not *alike*, the repositories of a team differ by up to four times.
    """

    deploys: float
    found: int
    load: int
    outside: float
    fails: float
    office: bool = False
    repositories: int = 1
    alike: bool = True


class Drawn(NamedTuple):
    """A history, the times of deploys that failed and that mended, and how long each caused incident took."""

    history: History
    failed: list[tuple[int, str]]
    mended: list[tuple[int, str]]
    recoveries: list[tuple[int, int]]


class Seen(NamedTuple):
    """What the figures say of a team in the last `VIEW` days, and the truth.

    *gap* is the median time between two deploys of a repository, in minutes, as they were drawn.
    """

    figures: Figures
    failed: int
    rework: int
    recovery: float | None
    gap: float

    @property
    def is_in_range(self) -> bool:
        """Whether the truth is in the range, in whole percent, as pages and the command show it."""
        rate = self.figures.change_fail_rate
        true = self.failed / max(rate.settled, 1)
        low, true, high = (round(one * 100) for one in (rate.range.low or 0.0, true, rate.range.high or 0.0))
        return low <= true <= high


def is_office(at: int) -> bool:
    """Whether a time is from nine to five on a working day."""
    day, hour = divmod((at - BEGINNING) // HOUR, 24)
    return day % 7 < 5 and 9 <= hour < 17


def draw_team(cell: Cell, chance: random.Random) -> Drawn:
    """Draw the events of a team."""
    drawn = Drawn(History((), (), ()), [], [], [])
    deploys: list[Deploy] = []
    incidents: list[tuple[int, int, DeployTarget]] = []
    service = chance.choice((None, "api"))
    for number in range(cell.repositories):
        one = cell
        if not cell.alike:
            factors = [2 ** chance.uniform(-2, 2) for _ in range(3)]
            one = cell._replace(
                deploys=min(cell.deploys * factors[0], 10),
                fails=min(cell.fails * factors[1], 0.3),
                outside=cell.outside * factors[2],
            )
        repo = f"larkspur/{number}"
        _live(one, chance, DeployTarget(repo, PRODUCTION, service), deploys, incidents, drawn)
        # No tool of these teams names the service.
        nowhere = DeployTarget(repo, PRODUCTION, None)
        outside = _times(chance, one.outside, one.load)
        incidents += [(at, at + int(chance.uniform(*_REPAIR)), nowhere) for at in outside]
    starts, ends = [], []
    for number, (at, over, target) in enumerate(incidents):
        starts.append(Start(f"s{number}", at, target, f"INC-{number}", None))
        ends.append(End(f"t{number}", over, target.repo, None, None, f"INC-{number}", None, False))
    return drawn._replace(history=History(_sorted(deploys), _sorted(starts), _sorted(ends)))


def _times(chance: random.Random, days: float, load: float) -> Iterator[int]:
    """Yield times that are on average *days* apart, *load* times as many an hour in office hours."""
    mean = 1 + (load - 1) * 40 / 168
    at = BEGINNING
    while (at := at + int(chance.expovariate(load / mean / (days * DAY)))) < BEGINNING + _LIVED * DAY:
        if is_office(at) or chance.random() < 1 / load:
            yield at


def _live(
    cell: Cell,
    chance: random.Random,
    target: DeployTarget,
    deploys: list[Deploy],
    incidents: list[tuple[int, int, DeployTarget]],
    drawn: Drawn,
) -> None:
    nowhere = target._replace(service=None)
    # Nobody deploys outside office hours, or nearly so.
    times = list(_times(chance, 1 / cell.deploys, 1000 if cell.office else 1))
    good, earliest, again = f"{chance.getrandbits(160):040x}", 0, False
    waiting: list[tuple[int, str]] = []
    for number, at in enumerate(times):
        if at < earliest:
            continue  # what was planned meanwhile goes with the next deploy
        sha = f"{chance.getrandbits(160):040x}"
        _made(deploys, at, target, sha)
        if not again and chance.random() >= cell.fails:
            good = sha
            continue
        drawn.failed.append((at, target.repo))
        mend = chance.choice(MENDS)
        noticed = at + int(chance.expovariate(math.log(2) / (cell.found * MINUTE)))
        waiting.append((noticed, sha))
        # The next one may fail, too, before both are mended.
        following = times[number + 1] if number + 1 < len(times) else None
        again = not again and following is not None and following - at < 12 * HOUR
        again = again and chance.random() < _ANOTHER
        if again:
            continue
        mended = max(noticed for noticed, _ in waiting) + int(chance.uniform(10 * MINUTE, 65 * MINUTE))
        over = mended + int(chance.uniform(1, 10) * MINUTE)
        quiet = mend in (REDEPLOY, REVERT) and len(waiting) == 1 and chance.random() < _QUIET
        if not quiet:
            for noticed, _ in waiting:
                incidents.append((noticed, over, nowhere))
                drawn.recoveries.append((noticed, over - noticed))
        if mend != NOTHING:
            drawn.mended.append((mended, target.repo))
            undone = tuple(sha for _, sha in waiting) if mend == REVERT else ()
            says = ROLLBACK if mend == REDEPLOY and chance.random() < 0.5 else ""
            back = good if mend == REDEPLOY else f"{chance.getrandbits(160):040x}"
            _made(deploys, mended, target, back, says=says, reverts=undone)
            earliest, good = mended + MINUTE, back
        else:
            good = sha
        waiting = []


def _made(
    deploys: list[Deploy],
    at: int,
    target: DeployTarget,
    sha: str,
    says: str = "",
    reverts: tuple[str, ...] = (),
) -> None:
    listed = None if says else (Commit(sha, at - HOUR),)
    number = len(deploys)
    deploys.append(
        Deploy(
            f"d{number}", at, target, sha, says or "deploy", listed, None, says=says, reverts=reverts
        )._replace(run=f"ci:{number}", reporter="step/ci")
    )


def seen(cell: Cell, team: int) -> Seen:
    """Draw one team of a cell, and look at it."""
    drawn = draw_team(cell, random.Random(f"{cell} {team}"))
    now = BEGINNING + _LIVED * DAY
    began = now - VIEW * DAY

    def within(times: Iterable[tuple[int, Any]], until: int) -> list[Any]:
        return [what for at, what in times if began <= at <= until]

    recoveries = within(drawn.recoveries, now)
    return Seen(
        answers(drawn.history, now, [VIEW])[VIEW],
        len(within(drawn.failed, now - _WINDOW)),
        len(within(drawn.mended, now)),
        median(recoveries) / 1e6 if recoveries else None,
        _gap(drawn.history.deploys),
    )


def _gap(deploys: Iterable[Deploy]) -> float:
    last: dict[str, int] = {}
    gaps = []
    for deploy in deploys:
        gaps.append(deploy.at - last.get(deploy.target.repo, deploy.at))
        last[deploy.target.repo] = deploy.at
    return median(gap for gap in gaps if gap) / MINUTE


class Measured(NamedTuple):
    """A cell: sums of its teams with a value, shares of all teams, medians of the width and of the gap."""

    failed: int
    value: float
    true: int
    rework: int
    true_rework: int
    recovery: float
    true_recovery: float
    with_value: float
    in_range: float
    width: float
    gap: float


def measured(cell: Cell, teams: int) -> Measured:
    """Look at the teams of a cell."""
    found = [seen(cell, number) for number in range(teams)]
    valued = [one for one in found if one.figures.change_fail_rate.value is not None]
    rates = [one.figures.change_fail_rate for one in valued]
    timed = [one for one in found if one.recovery and one.figures.failed_deployment_recovery_time.median]
    ranges = [one.figures.change_fail_rate.range for one in found]
    return Measured(
        sum(rate.failed for rate in rates),
        sum((rate.value or 0) * rate.settled for rate in rates),
        sum(one.failed for one in valued),
        sum(one.figures.deployment_rework_rate.rework for one in found),
        sum(one.rework for one in found),
        sum(one.figures.failed_deployment_recovery_time.median or 0 for one in timed),
        sum(one.recovery or 0 for one in timed),
        len(valued) / teams,
        sum(one.is_in_range for one in found) / teams,
        median((one.high or 0) - (one.low or 0) for one in ranges),
        median(one.gap for one in found),
    )
