"""Read a question for figures from the parameters of a request, of a page or of a command. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_connection.config.sections.settings import NO_TEAM
from gitdailies_core.error_text import got
from gitdailies_core.values.nearest_name import did_you_mean
from gitdailies_server.storage.timestamps import text_of_us

from gitdailies_dora.events.problem import refusal
from gitdailies_dora.figures.answers.selection import DEFAULT_DAYS, Selection, parse_moment, parse_period
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.history.teams import NO_TEAMS, Teams

FILTERS = ("repo", "environment", "service", "team", "from", "to", "now")
# An error names at most 20 teams.
_NAMED = 20


class Question(NamedTuple):
    """A question about figures; it is *live* if it is about the present moment.

    The names are as people wrote them, "" for none.
    """

    selection: Selection
    repo: str
    environment: str
    service: str
    live: bool


def question(
    parameters: Mapping[str, str],
    settings: FigureSettings,
    now: int,
    days: int = DEFAULT_DAYS,
    *,
    teams: Teams = NO_TEAMS,
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
    team = team_key(parameters["team"], teams) if parameters.get("team") else ""
    selection = Selection.make(period, settings, **names, team=team, teams=teams)
    return Question(selection, **names, live=not parameters.get("now"))


def team_key(name: str, teams: Teams) -> str:
    """Return the key of a team; raises Refusal if there is no such team."""
    key = teams.key(name)
    if key is None:
        near = did_you_mean(name, tuple(teams.titles))
        if not teams:
            raise refusal("request", f"team: gitdailies.yml has no teams, got {got(name)}")
        more = ["…"] if len(teams.titles) > _NAMED else []
        known = ", ".join((*list(teams.titles)[:_NAMED], *more, NO_TEAM))
        raise refusal("request", f"team: expected one of {known}, got {got(name)}{near}")
    return key


def moment_of(parameters: Mapping[str, str], settings: FigureSettings, now: int) -> int:
    """Return the moment that the parameter `now` names, else *now*, in microseconds. Raises Refusal."""
    if not parameters.get("now"):
        return now
    try:
        at = parse_moment(parameters["now"], "now", settings.zone)
        if at > now:
            raise ValueError(f"now: expected a time up to {text_of_us(now)}, got {got(parameters['now'])}")
    except ValueError as error:
        raise refusal("request", str(error)) from None
    return at
