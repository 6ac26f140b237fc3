"""Why an event counts or not, as lines for a person; from the answers of incoming webhooks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gitdailies_cli.output import moment
from gitdailies_cli.receiver.event_lines import place, subject

ALL = "all"
# With these words an event may count later, without any doing of a person.
_LATER = frozenset({"pending", "open"})
FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "deploymentFrequency": "deployment frequency",
        "changeLeadTime": "change lead time",
        "changeFailRate": "change fail rate",
        "failedDeploymentRecoveryTime": "failed deployment recovery time",
        "deploymentReworkRate": "deployment rework rate",
    }
)


def lines(event: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say what the event is, whether it counts, why in each figure, and what can be done."""
    yield f"{event['kind']} {subject(event)}, {place(event)}, {moment(event['time'])} (event {event['id']})"
    if not verdicts:
        yield "It counts in no figure: nothing is known about it."
        return
    first, *others = verdicts
    if not others:
        yield f"{_counts_in(first)}: {first['reason']}."
        if not first["counts"] and (advice := first.get("advice")):
            yield f"What to do: {advice}."
        return
    counting = sum(bool(verdict["counts"]) for verdict in verdicts)
    if counting:
        yield f"It counts in {counting} of the {len(verdicts)} figures that it is about:"
    else:
        later = any(verdict["word"] in _LATER for verdict in verdicts)
        yield f"No figure counts it{' yet' if later else ''}:"
    for verdict in verdicts:
        mark = "yes" if verdict["counts"] else "no "
        yield f"  {mark}  {_figure(verdict)}: {verdict['reason']}"
        if not verdict["counts"] and (advice := verdict.get("advice")):
            yield f"       what to do: {advice}"


def _counts_in(verdict: Mapping[str, Any]) -> str:
    if verdict["figure"] == ALL:
        return "It counts" if verdict["counts"] else "It counts in no figure"
    return f"It {'counts' if verdict['counts'] else 'does not count'} in the {_figure(verdict)}"


def _figure(verdict: Mapping[str, Any]) -> str:
    return FIGURES.get(verdict["figure"], str(verdict["figure"]))
