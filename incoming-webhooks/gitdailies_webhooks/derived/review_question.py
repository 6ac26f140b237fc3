"""Read a question for the review of a week from the parameters of a request or of a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_webhooks.derived.question import team_key
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.figures.review import Scope, Week, week_of
from gitdailies_webhooks.figures.settings import FigureSettings, folded
from gitdailies_webhooks.figures.teams import Teams

PARAMETERS = ("week", "repo", "team")


class ReviewQuestion(NamedTuple):
    """A week and the scope of its review. `repo` is the name in the request, or "" for all repositories."""

    week: Week
    scope: Scope
    repo: str = ""


def review_question(
    parameters: Mapping[str, str], settings: FigureSettings, teams: Teams, now: int
) -> ReviewQuestion:
    """Return the question that *parameters* (names of `PARAMETERS`) ask at *now* (µs). Raises Refusal."""
    try:
        week = week_of(parameters.get("week", ""), now, settings.zone)
    except ValueError as error:
        raise refusal("request", str(error)) from None
    repo, team = parameters.get("repo", "").strip(), parameters.get("team", "").strip()
    return ReviewQuestion(week, Scope(folded(repo), team_key(team, teams) if team else "", teams), repo)
