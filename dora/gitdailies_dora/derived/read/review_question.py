"""Read a question for the review of a week from the parameters of a request or of a page. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_dora.derived.read.question import team_key
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.history.teams import Teams
from gitdailies_dora.figures.words.review import Scope, Week, week_of

PARAMETERS = ("week", "repo", "team")


class ReviewQuestion(NamedTuple):
    """A week and the scope of its review. `repo` is the repository by its present name, or ""."""

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
    repo = settings.renames.present(parameters.get("repo", "").strip())
    team = parameters.get("team", "").strip()
    scope = Scope(settings.repo(repo), team_key(team, teams) if team else "", teams)
    return ReviewQuestion(week, scope, repo)
