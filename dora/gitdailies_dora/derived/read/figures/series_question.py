"""Read a question for a series from the parameters of a request, of a page or of a command. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
from gitdailies_core.error_text import got
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_core.values.renames import folded

from gitdailies_dora.derived.read.question import FILTERS, question, team_key
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.answers import series
from gitdailies_dora.figures.answers.report import Dimension
from gitdailies_dora.figures.answers.selection import DEFAULT_DAYS, Period
from gitdailies_dora.figures.answers.sums import Key
from gitdailies_dora.figures.answers.trend import INTERVALS
from gitdailies_dora.figures.history.settings import PRODUCTION, FigureSettings
from gitdailies_dora.figures.history.teams import Teams

NONE, BEFORE = "none", "before"
REPEATED = ("repo", "team", "environment", "service")
# Each has one of some words.
_CHOICES = ("interval", "compare", "rolling")
SINGLE = ("by", "interval", "from", "to", "days", "now", "compare", "rolling", "limit", "after")
LISTED, MOST_LISTED = 100, 1000
MOST_DAYS = 36_525

_ROLLING = re.compile(r"([0-9]{1,2})w")
_SEPARATOR = re.compile(r"\s*,\s*")


class Asked(NamedTuple):
    """A question, and the page of its answer: how many groups, and the last group of the page before."""

    question: series.SeriesQuestion
    limit: int
    after: Key | None
    live: bool


def asked(given: Mapping[str, Sequence[str]], settings: FigureSettings, teams: Teams, now: int) -> Asked:
    """Return the question that parameters (names of `SINGLE` and `REPEATED`) ask at *now*; raises Refusal."""
    single = {name: texts[0] for name, texts in given.items() if name in SINGLE}
    for name in _CHOICES:
        if single.get(name) == "":
            raise refusal("request", f"{name}: expected a value, got nothing; leave it out")
    by, interval = _by(single.get("by", "")), _interval(single.get("interval", ""))
    compare = single.get("compare", "")
    if compare not in ("", BEFORE):
        raise refusal("request", f"compare: expected {BEFORE}, got {got(compare)}")
    found = series.SeriesQuestion(
        period=_period(single, settings, now),
        by=by,
        interval=interval,
        repos=frozenset(map(settings.repo, given.get("repo", ()))),
        teams=frozenset(team_key(name, teams) for name in given.get("team", ())),
        services=frozenset(map(folded, given.get("service", ()))),
        environments=_environments(given.get("environment", ()), by, settings),
        compare=bool(compare),
        rolling_weeks=_rolling(single.get("rolling", ""), interval),
        teams_known=teams,
    )
    limit = query.number("limit", single.get("limit", str(LISTED)), 1, MOST_LISTED)
    return Asked(found, limit, _after(single.get("after", ""), len(by)), not single.get("now"))


def _period(single: Mapping[str, str], settings: FigureSettings, now: int) -> Period:
    days = query.number("days", single.get("days", str(DEFAULT_DAYS)), 1, MOST_DAYS)
    times = {name: text for name, text in single.items() if name in FILTERS}
    return question(times, settings, now, days).selection.period


def _by(text: str) -> tuple[Dimension, ...]:
    names = [name for name in _SEPARATOR.split(text.strip()) if name and name != NONE]
    for name in names:
        if name not in series.DIMENSIONS:
            expected = ", ".join((NONE, *series.DIMENSIONS))
            near = did_you_mean(name, series.DIMENSIONS)
            raise refusal("request", f"by: expected one of {expected}, got {got(name)}{near}")
    if len(set(names)) != len(names) or len(names) > series.MOST_DIMENSIONS:
        raise refusal(
            "request",
            f"by: expected at most {series.MOST_DIMENSIONS} different names with a comma, got {got(text)}",
        )
    return tuple(name for name in series.DIMENSIONS if name in names)


def _interval(text: str) -> str:
    word = query.one_of("interval", text or NONE, (NONE, *INTERVALS))
    return "" if word == NONE else word


def _rolling(text: str, interval: str) -> int:
    if not text:
        return 0
    found = _ROLLING.fullmatch(text)
    weeks = int(found[1]) if found else 0
    if not series.SHORTEST_ROLLING <= weeks <= series.LONGEST_ROLLING:
        expected = f"{series.SHORTEST_ROLLING}w to {series.LONGEST_ROLLING}w"
        raise refusal("request", f"rolling: expected {expected}, such as 4w, got {got(text)}")
    if not interval:
        raise refusal("request", "rolling: it needs buckets; add an interval, such as interval=week")
    return weeks


def rolling_text(weeks: int) -> str | None:
    """Write a span of rolling values as a question has it; None for none."""
    return f"{weeks}w" if weeks else None


def _environments(
    given: Sequence[str], by: tuple[Dimension, ...], settings: FigureSettings
) -> frozenset[str]:
    """Return folded names; production if none is given, and all of them if they are groups."""
    if given:
        return frozenset(map(settings.environment, given))
    return frozenset() if series.ENVIRONMENT in by else frozenset({PRODUCTION})


def _after(text: str, dimensions: int) -> Key | None:
    """Read a cursor, which `cursor` wrote."""
    if not text:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or len(found) != dimensions or not all(isinstance(x, str) for x in found):
        raise refusal("request", f"after: expected the `next` of the page before, got {got(text)}")
    return tuple(found)


def cursor(key: Key) -> str:
    """Write the `next` of a page whose last group is *key*."""
    return orjson.dumps(key).decode()
