"""Sentences about figures: a rate with its interval, and what became of a figure since the period before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us

from gitdailies_webhooks.figures import comparison, metrics
from gitdailies_webhooks.figures.durations import NOTHING
from gitdailies_webhooks.pages.formatting import (
    amount,
    count,
    days,
    duration,
    fraction,
    moment,
    rate,
    unbroken,
    zone_name,
)

FEW, UNCLEAR, NONE_BEFORE = "too few to compare", "no clear change", "No earlier value to compare with"
TOO_SHORT = "too few whole weeks to compare"
_NOT_CLEAR: Mapping[str, str] = {comparison.FEW: FEW, comparison.UNCLEAR: UNCLEAR, TOO_SHORT: TOO_SHORT}
_COUNTS: Mapping[str, str] = {comparison.HIGHER: "more", comparison.LOWER: "fewer"}


def between(numbers: Mapping[str, Any]) -> str:
    """Write the interval of a rate: 95 % range 5.7 to 7.8 %."""
    if numbers["low"] is None:
        return ""
    low, high = numbers["low"] * 100, numbers["high"] * 100
    places = 1 if high < 10 else 0
    return unbroken("95 %") + " range " + unbroken(f"{low:.{places}f} to {high:.{places}f} %")


def by_remedy(numbers: Mapping[str, Any]) -> str:
    """Write the recovery of deploys that failed without an incident; "" if there are none."""
    if not numbers["count"]:
        return ""
    number = numbers["count"]
    return f"{duration(numbers['median'])}, {median_of(number, 'remedied deploy', 'remedied deploys')}"


def median_of(number: int, one: str, several: str) -> str:
    """Write of how many durations a number is the median; a single one is none."""
    return f"one {one}" if number == 1 else f"median of {count(number)} {several}"


def observed(began: str, days: float, zone: tzinfo) -> dict[str, str]:
    """Return from which moment on days count, in a zone, and how many there are."""
    at = to_us(parse(began, "since"))
    day, time = moment(at, zone).split(" ")
    return {"day": day, "time": unbroken(f"{time} {zone_name(at, zone)}"), "days": span(days)}


def frequency(
    deploys: int, observed: float, a_day: float | None, since: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Write how often there are deploys, in *observed* days, and the time if it is less than a day.

    So short a time gives no rate: one deploy within an hour is not 24 a day.
    """
    if a_day is not None and observed < 1:
        within = f"in {span(observed)}" if since is None else f"since {since['day']} {since['time']}"
        return amount(deploys, "deploy", "deploys"), within
    return rate(a_day), ""


def span(number: float) -> str:
    """Write a number of days; less than one as a duration."""
    return duration(number * 86_400) if 0 < number < 1 else days(number)


def change(figure: str, word: str, before: Mapping[str, Any]) -> str:
    """Write what became of a figure, with the value and the counts of the period before."""
    earlier = value(figure, before)
    if word == comparison.FEW and earlier.startswith(NOTHING):
        return NONE_BEFORE
    if (figure, word) == (metrics.FREQUENCY, comparison.FEW):
        word = TOO_SHORT  # whole weeks are compared, however many deploys they have
    said = _NOT_CLEAR.get(word) or f"clearly {_word(figure, word)}"
    return f"{said}; before: {', '.join(map(unbroken, earlier.split(', ')))}"


def _word(figure: str, word: str) -> str:
    """Return the word of a change: more deploys, a higher rate, a longer time."""
    if figure == metrics.FREQUENCY:
        return _COUNTS[word]
    return word


def value(figure: str, numbers: Mapping[str, Any]) -> str:
    """Write the main number of a figure with the count behind it."""
    if figure == metrics.FREQUENCY:
        often, within = frequency(numbers["deploys"], numbers["days"], numbers["value"])
        deploys = amount(numbers["deploys"], "deploy", "deploys")
        if within:
            return f"{often} {within}"
        return f"{often}, {deploys}" if numbers["deploys"] else often
    if figure == metrics.LEAD_TIME:
        return f"{duration(numbers['median'])}, {amount(numbers['commits'], 'commit', 'commits')}"
    if figure == metrics.RECOVERY:
        return f"{duration(numbers['median'])}, {count(numbers['recovered'])} recovered"
    if figure == metrics.FAIL_RATE:
        return f"{fraction(numbers['failed'], numbers['settled'])}"
    return f"{fraction(numbers['rework'], numbers['deploys'])}"
