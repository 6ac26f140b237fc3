"""What happened in a week: its outages, and its deploys that failed without one. Pure.

Incidents of one title that touch are one outage, in any repositories. One without an end touches those that
begin within a day. Open ones come first, then the severest, then the longest. Where a tool sends no severity,
or an unknown word, the outage counts as major: only critical ones are above it. Deploys that failed without
one come last.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_dora.figures.history.repeats import DAY_US

# How severe the words of tools are. The first digit of another one says it: SEV-2, P1.
_SEVERITIES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("critical", "fatal", "emergency", "blocker", "urgent", "disaster"), 1),
        **dict.fromkeys(("major", "high", "error"), 2),
        **dict.fromkeys(("medium", "moderate", "average", "warning"), 3),
        **dict.fromkeys(("minor", "low", "info"), 4),
    }
)
_MAJOR, _UNKNOWN_SEVERITY = 2, 9
_DIGIT = re.compile(r"[0-9]")


class Trouble(NamedTuple):
    """An incident, or a deploy that failed without one: `how` and `deploy` are "" then.

    `deploy` is the one that an incident is attributed to, and `how` says in which way. `ended_at` is None
    while it lasts (`is_open`), and if the end is not known.
    """

    id: str
    repo: str
    service: str
    at: int
    ended_at: int | None
    is_open: bool
    title: str = ""
    severity: str = ""
    deploy: str = ""
    how: str = ""


def outages(troubles: Iterable[Trouble]) -> list[list[Trouble]]:
    """Return the outages: troubles that belong together, the earliest first; the worst outage comes first."""
    alike: dict[str, list[list[Trouble]]] = defaultdict(list)
    for one in sorted(troubles, key=lambda one: (one.at, one.id)):
        same = alike[one.title.casefold() or one.id]
        if same and one.at <= max(map(_touched_until, same[-1])):
            same[-1].append(one)
        else:
            same.append([one])
    return sorted((one for same in alike.values() for one in same), key=_weight)


def worst_severity(outage: Iterable[Trouble]) -> str:
    return min((one.severity for one in outage), key=severity_rank)


def severity_rank(severity: str) -> int:
    """Return how severe the word of a tool is: 1 is critical, and an unknown word comes last."""
    digit = _DIGIT.search(severity)
    return int(digit[0]) if digit else _SEVERITIES.get(severity.strip().casefold(), _UNKNOWN_SEVERITY)


def severity_weight(severity: str) -> int:
    """Return the rank of a severity beside others; an unknown one counts as major."""
    rank = severity_rank(severity)
    return _MAJOR if rank == _UNKNOWN_SEVERITY else rank


def _touched_until(one: Trouble) -> int:
    return one.at + DAY_US if one.ended_at is None else one.ended_at


def _end(outage: Iterable[Trouble]) -> int:
    return max(one.at if one.ended_at is None else one.ended_at for one in outage)


def _weight(outage: list[Trouble]) -> tuple[bool, bool, int, int, int]:
    is_over = not any(one.is_open for one in outage)
    began = outage[0].at
    took = _end(outage) - began if is_over else 0
    return is_over, not outage[0].how, severity_weight(worst_severity(outage)), -took, began
