"""Read a question for figures from the parameters of a request, of a page or of a command. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.error_text import got
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived.queries import Question
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS, Selection, parse_moment, parse_period
from gitdailies_webhooks.figures.settings import FigureSettings

FILTERS = ("repo", "environment", "service", "from", "to", "now")


def question(
    parameters: Mapping[str, str], settings: FigureSettings, now: int, days: int = DEFAULT_DAYS
) -> Question:
    """Return the question that *parameters* (names of `FILTERS`) ask at *now*, in microseconds.

    Without `from`, the period begins *days* days before its end. Raises Refusal.
    """
    at = moment_of(parameters, settings, now)
    try:
        period = parse_period(parameters.get("from", ""), parameters.get("to", ""), at, settings.zone, days)
    except ValueError as error:
        raise refusal("request", str(error)) from None
    names = {name: parameters.get(name, "") for name in ("repo", "environment", "service")}
    return Question(Selection.make(period, settings, **names), **names, live=not parameters.get("now"))


def moment_of(parameters: Mapping[str, str], settings: FigureSettings, now: int) -> int:
    """Return the moment that the parameter `now` names, else *now*, in microseconds. Raises Refusal."""
    if not parameters.get("now"):
        return now
    try:
        at = parse_moment(parameters["now"], "now", settings.zone)
        if at > now:
            raise ValueError(
                f"now: expected a time up to {text_of(from_us(now))}, got {got(parameters['now'])}"
            )
    except ValueError as error:
        raise refusal("request", str(error)) from None
    return at
