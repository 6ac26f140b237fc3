"""The condition of the places of a team, for rows and for events. Pure."""

from collections import defaultdict
from collections.abc import Mapping

from gitdailies_dora.events.query import Condition, like
from gitdailies_dora.figures.history.teams import Decision, Teams


def of_team(teams: Teams, team: str, repos: Mapping[str, str], service: str) -> Condition:
    """Return the condition that a row belongs to a team.

    *repos* are all repositories, as the column `repo` spells them, with their folded names. *service* is an
    expression of the folded service, "" for none.
    """
    alike: dict[tuple[tuple[Decision, ...], bool], list[str]] = defaultdict(list)
    for spelled, name in repos.items():
        decisions, otherwise = tuple(teams.decisions(name, team)), team in teams.of(name, None)
        if otherwise or any(one.belong for one in decisions):
            alike[decisions, otherwise].append(spelled)
    parts: list[Condition] = []
    for (decisions, otherwise), names in alike.items():
        cases = " ".join(
            f"WHEN {service} <> '' AND {service} LIKE ? ESCAPE '!' THEN {int(one.belong)}"
            for one in decisions
        )
        by_service = f" AND CASE {cases} ELSE {int(otherwise)} END = 1" if cases else ""
        marks = ", ".join("?" * len(names))
        patterns = [like(one.services).replace("*", "%") for one in decisions]
        parts.append(Condition(f"repo IN ({marks}){by_service}", (*names, *patterns)))
    text = " OR ".join(f"({one.text})" for one in parts) or "1 = 0"
    return Condition(f"({text})", tuple(value for one in parts for value in one.values))
