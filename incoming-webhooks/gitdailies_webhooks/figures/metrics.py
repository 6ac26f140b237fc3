"""The five figures: deployment frequency, change lead time, change fail rate, recovery, rework.

Counts and denominators are told with each, and a ratio of nothing is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter, sub
from typing import Any, NamedTuple

import orjson

from gitdailies_webhooks.figures.facts import DeployFacts, Facts
from gitdailies_webhooks.figures.percentiles import MEDIAN, P90, percentile
from gitdailies_webhooks.figures.period import Span
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import Settings

FREQUENCY = "deploymentFrequency"
LEAD_TIME = "changeLeadTime"
FAIL_RATE = "changeFailRate"
RECOVERY = "failedDeploymentRecoveryTime"
REWORK = "deploymentReworkRate"
FIGURES = (FREQUENCY, LEAD_TIME, FAIL_RATE, RECOVERY, REWORK)


class Row(NamedTuple):
    """What the deploy `id` adds to the figures.

    `leads` are lead times in microseconds, joined by commas, as they are stored: to read them a deploy
    at a time takes longer than all else that is done with them. `recovery` is the length of its first
    outage; it is None for one that is `open`, for a failed deploy without an incident, and for one that
    did not fail.
    """

    id: str
    at: int
    rework: bool
    failed: bool
    unknown: bool
    unknown_commits: int
    leads: str
    recovery: int | None
    open: bool


class IncidentRow(NamedTuple):
    """A period of an incident, by the id of its start; `ended_at` is None while it is open."""

    id: str
    at: int
    ended_at: int | None
    linked: bool


_, _AT, _REWORK, _FAILED, _UNKNOWN, _UNKNOWN_COMMITS, _LEADS, _, _ = map(itemgetter, range(len(Row._fields)))


def row(facts: DeployFacts) -> Row:
    """Say what a deploy adds."""
    outage = facts.outage
    return Row(
        facts.deploy.id,
        facts.deploy.at,
        facts.deploy.rework,
        facts.failed,
        bool(facts.brought.unknown),
        facts.brought.unknown_commits,
        ",".join(map(str, facts.brought.leads)),
        None if outage is None else outage.us,
        outage is not None and outage.us is None,
    )


def rows_of(facts: Facts, selection: Selection) -> tuple[list[Row], list[IncidentRow]]:
    """Return the selected deploys and incidents of a history, each by time and id."""
    deploys = [row(found) for found in facts.deploys if selection.holds(found.deploy.place, found.deploy.at)]
    incidents = [
        IncidentRow(period.start.id, period.began_at, period.ended_at, link.deploy is not None)
        for period, link in facts.incidents
        if selection.holds(period.place, period.began_at)
    ]
    return deploys, sorted(incidents, key=lambda incident: (incident.at, incident.id))


def figures_of(facts: Facts, selection: Selection, settings: Settings) -> dict[str, Any]:
    """Return the figures of a history, as `figures` does."""
    deploys, incidents = rows_of(facts, selection)
    return figures(deploys, unlinked=unlinked(incidents), span=selection.span, window=settings.window_us)


def unlinked(incidents: Iterable[IncidentRow]) -> int:
    """Count the incidents that are laid to no deploy."""
    return sum(not incident.linked for incident in incidents)


def figures(rows: Sequence[Row], *, unlinked: int, span: Span, window: int) -> dict[str, Any]:
    """Return the five figures of the selected deploys, by name; durations are in seconds."""
    # By column, which is quick where there are many; names of fields would take twice as long.
    rework = sum(map(_REWORK, rows))
    failed = list(compress(rows, map(_FAILED, rows)))
    settled_until = span.now - window
    young = [row.failed for row in rows if row.at > settled_until]
    return {
        FREQUENCY: _frequency(list(map(_AT, rows)), span.days),
        LEAD_TIME: {
            **_durations(_read_leads(map(_LEADS, rows))),
            "unknownDeploys": sum(map(_UNKNOWN, rows)),
            "unknownCommits": sum(map(_UNKNOWN_COMMITS, rows)),
        },
        FAIL_RATE: _fail_rate(len(rows), len(failed), young, unlinked),
        RECOVERY: _recovery(failed),
        REWORK: {"value": _ratio(rework, len(rows)), "numerator": rework, "denominator": len(rows)},
    }


def _frequency(at: Sequence[int], days: float | None) -> dict[str, Any]:
    moments = sorted(at)
    gaps = sorted(map(sub, moments[1:], moments))
    return {
        "value": _ratio(len(at), days),
        "unit": "deploys/day",
        "numerator": len(at),
        "denominator": days,
        "count": len(gaps),
        "medianGap": _seconds(percentile(gaps, MEDIAN)),
        "gapP90": _seconds(percentile(gaps, P90)),
    }


def _read_leads(joined: Iterable[str]) -> list[int]:
    # As JSON, which is read five times as fast as numbers are one at a time.
    found: list[int] = orjson.loads(f"[{','.join(filter(None, joined))}]")
    return found


def _fail_rate(deploys: int, failed: int, young: Sequence[bool], unlinked: int) -> dict[str, Any]:
    """*young* says of each deploy that may still fail whether it has."""
    failed_young = sum(young)
    pending = len(young) - failed_young
    denominator = deploys - pending
    return {
        "value": _ratio(failed, denominator),
        "numerator": failed,
        "denominator": denominator,
        "pending": pending,
        "failedYoung": failed_young,
        "unlinked": unlinked,
    }


def _recovery(failed: Sequence[Row]) -> dict[str, Any]:
    recoveries = [row.recovery for row in failed if row.recovery is not None]
    still_open = sum(row.open for row in failed)
    return {
        **_durations(recoveries),
        "open": still_open,
        "withoutIncident": len(failed) - len(recoveries) - still_open,
    }


def _durations(durations: list[int]) -> dict[str, Any]:
    ordered = sorted(durations)
    return {
        "median": _seconds(percentile(ordered, MEDIAN)),
        "p90": _seconds(percentile(ordered, P90)),
        "count": len(ordered),
    }


def _ratio(part: float, whole: float | None) -> float | None:
    return part / whole if whole else None


def _seconds(us: float | None) -> float | None:
    return None if us is None else us / 1_000_000
