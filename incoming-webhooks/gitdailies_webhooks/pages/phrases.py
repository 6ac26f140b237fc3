"""Sentences about figures: a rate with its interval, and what became of a figure since the period before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_webhooks.figures import comparison, metrics
from gitdailies_webhooks.figures.durations import NOTHING, duration
from gitdailies_webhooks.pages.formatting import amount, count, fraction, rate, whole_percent

FEW, UNCLEAR, NONE_BEFORE = "too few to compare", "no clear change", "nothing before to compare with"
_NOT_CLEAR: Mapping[str, str] = {comparison.FEW: FEW, comparison.UNCLEAR: UNCLEAR}
_COUNTS: Mapping[str, str] = {comparison.HIGHER: "more", comparison.LOWER: "fewer"}
# Of fewer durations than this, each is shown in place of a median.
FEWEST_FOR_MEDIAN = 5


def between(numbers: Mapping[str, Any]) -> str:
    """Write the interval of a rate: between 5.7 and 7.8 %."""
    if numbers["low"] is None:
        return ""
    low, high = numbers["low"] * 100, numbers["high"] * 100
    places = 1 if high < 10 else 0
    return f"between {low:.{places}f} and {high:.{places}f} %"


def by_remedy(numbers: Mapping[str, Any]) -> str:
    """Write the recovery of deploys that failed without an incident; "" if there are none."""
    if not numbers["count"]:
        return ""
    return f"{duration(numbers['median'])}, {median_of(numbers['count'])} by rollback or hotfix"


def median_of(number: int) -> str:
    """Write of how many durations a number is the median; a single one is none."""
    return "of 1" if number == 1 else f"median of {count(number)}"


def change(figure: str, word: str, before: Mapping[str, Any]) -> str:
    """Write what became of a figure, with the value and the counts of the period before."""
    earlier = value(figure, before)
    if word == comparison.FEW and earlier.startswith(NOTHING):
        return NONE_BEFORE
    said = _NOT_CLEAR.get(word) or f"clearly {_word(figure, word)}"
    return f"{said}; before: {whole_percent(earlier)}"


def _word(figure: str, word: str) -> str:
    """Return the word of a change: more deploys, a higher rate, a longer time."""
    if figure == metrics.FREQUENCY:
        return _COUNTS[word]
    return word


def value(figure: str, numbers: Mapping[str, Any]) -> str:
    """Write the main number of a figure with the count behind it."""
    if figure == metrics.FREQUENCY:
        return f"{rate(numbers['value'])}, {amount(numbers['deploys'], 'deploy', 'deploys')}"
    if figure == metrics.LEAD_TIME:
        return f"{duration(numbers['median'])}, {amount(numbers['commits'], 'commit', 'commits')}"
    if figure == metrics.RECOVERY:
        return f"{duration(numbers['median'])}, {count(numbers['recovered'])} recovered"
    if figure == metrics.FAIL_RATE:
        return f"{fraction(numbers['failed'], numbers['settled'])}"
    return f"{fraction(numbers['rework'], numbers['deploys'])}"
