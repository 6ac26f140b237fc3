"""The five figures: deployment frequency, change lead time, change fail rate, recovery time, rework rate.

Each figure has its counts and its denominator. A ratio of nothing is null. Percentiles are interpolated
linearly between neighbors (type 7 of Hyndman and Fan, 1996).

A deploy that is at least one window old is settled: it is judged. A younger one is in neither number of
the change fail rate. Until then, only its failures could be known, and the rate would be too high.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import itemgetter, sub
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from gitdailies_webhooks.figures.facts import DeployFacts, Facts
from gitdailies_webhooks.figures.incidents import Incident
from gitdailies_webhooks.figures.selection import Period, Selection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FREQUENCY = "deploymentFrequency"
LEAD_TIME = "changeLeadTime"
FAIL_RATE = "changeFailRate"
RECOVERY = "failedDeploymentRecoveryTime"
REWORK = "deploymentReworkRate"
FIGURES = (FREQUENCY, LEAD_TIME, FAIL_RATE, RECOVERY, REWORK)

# In hundredths.
P25, MEDIAN, P75, P90 = 25, 50, 75, 90


class DeployRow(NamedTuple):
    """What the deploy `id` adds to the figures.

    `lead_times` are microseconds joined by commas, as they are stored: parsing them for each deploy would
    take longer than everything else. `recovery` is the length of the first outage. It is None if the
    outage is still `open`, if no incident times the deploy, and if it did not fail. `remedied_after` is the
    time to the first remedy of a deploy that failed without an incident that times it, else None.
    """

    id: str
    at: int
    rework: bool
    failed: bool
    unknown: bool
    unknown_commits: int
    lead_times: str
    recovery: int | None
    open: bool
    remedied_after: int | None = None


class IncidentRow(NamedTuple):
    """An occurrence of an incident, by the id of its start; `ended_at` is None while it is open.

    `linked` is set if it is attributed to a deploy, and `linked_wide` if a window of 72 hours would
    attribute it to one.
    """

    id: str
    at: int
    ended_at: int | None
    linked: bool
    linked_wide: bool = False


class Unlinked(NamedTuple):
    """The number of incidents that are attributed to no deploy; `in_72h` of them would be in 72 hours."""

    number: int
    in_72h: int


_, _AT, _REWORK, _FAILED, _UNKNOWN, _UNKNOWN_COMMITS, _LEAD_TIMES, _, _, _ = map(
    itemgetter, range(len(DeployRow._fields))
)


def deploy_row(facts: DeployFacts) -> DeployRow:
    """Return what a deploy adds to the figures."""
    outage = facts.outage
    return DeployRow(
        facts.deploy.id,
        facts.deploy.at,
        facts.deploy.rework,
        facts.failed,
        bool(facts.new.unknown),
        facts.new.unknown_commits,
        ",".join(map(str, facts.new.lead_times)),
        None if outage is None else outage.duration_us,
        outage is not None and outage.duration_us is None,
        facts.remedied_after_us,
    )


def incident_row(incident: Incident) -> IncidentRow:
    """Return what an incident adds to the figures."""
    occurrence, link = incident
    return IncidentRow(
        occurrence.start.id,
        occurrence.began_at,
        occurrence.ended_at,
        link.deploy is not None,
        link.wide is not None,
    )


def select_rows(facts: Facts, selection: Selection) -> tuple[list[DeployRow], list[IncidentRow]]:
    """Return the selected deploys and incidents of a history, each sorted by time and id."""
    deploys = [
        deploy_row(found)
        for found in facts.deploys
        if selection.includes(found.deploy.place, found.deploy.at)
    ]
    incidents = [
        incident_row(incident)
        for incident in facts.incidents
        if selection.includes(incident.occurrence.place, incident.occurrence.began_at)
    ]
    return deploys, sorted(incidents, key=lambda incident: (incident.at, incident.id))


def count_unlinked(incidents: Iterable[IncidentRow]) -> Unlinked:
    """Count the incidents that are attributed to no deploy."""
    unlinked = [incident.linked_wide for incident in incidents if not incident.linked]
    return Unlinked(len(unlinked), sum(unlinked))


def figures(
    rows: Sequence[DeployRow],
    *,
    unlinked: Unlinked,
    period: Period,
    observed_from: int | None,
    window: int,
) -> dict[str, Any]:
    """Return the five figures of the selected deploys, by name; durations are in seconds.

    *observed_from* is the moment from which the days of the period count; None if nothing was observed.
    """
    # Columns are read by index, since field names would take twice as long for many rows.
    rework = sum(map(_REWORK, rows))
    failed = list(compress(rows, map(_FAILED, rows)))
    settled_until = period.now - window
    young = [row.failed for row in rows if row.at > settled_until]
    return {
        FREQUENCY: _frequency(list(map(_AT, rows)), period.days_since(observed_from)),
        LEAD_TIME: {
            **_durations(parse_lead_times(map(_LEAD_TIMES, rows))),
            "unknownDeploys": sum(map(_UNKNOWN, rows)),
            "unknownCommits": sum(map(_UNKNOWN_COMMITS, rows)),
        },
        FAIL_RATE: _fail_rate(len(rows), len(failed), young, unlinked),
        RECOVERY: _recovery(failed),
        REWORK: {"value": ratio(rework, len(rows)), "numerator": rework, "denominator": len(rows)},
    }


def _frequency(at: Sequence[int], days: float) -> dict[str, Any]:
    times = sorted(at)
    gaps = sorted(map(sub, times[1:], times))
    return {
        "value": ratio(len(at), days),
        "unit": "deploys/day",
        "numerator": len(at),
        "denominator": days,
        "count": len(gaps),
        "medianGap": seconds(percentile(gaps, MEDIAN)),
        "gapP90": seconds(percentile(gaps, P90)),
    }


def parse_lead_times(joined: Iterable[str]) -> list[int]:
    """Return the lead times of deploys, in microseconds, from what their rows hold."""
    # One JSON list is parsed five times as fast as one number at a time.
    parsed: list[int] = orjson.loads(f"[{','.join(filter(None, joined))}]")
    return parsed


def _fail_rate(deploys: int, failed: int, young: Sequence[bool], unlinked: Unlinked) -> dict[str, Any]:
    """*young* has an entry for each deploy that is not settled: whether it has failed already."""
    failed_young = sum(young)
    settled = deploys - len(young)
    settled_failed = failed - failed_young
    return {
        "value": ratio(settled_failed, settled),
        "numerator": settled_failed,
        "denominator": settled,
        "pending": len(young) - failed_young,
        "failedYoung": failed_young,
        "unlinked": unlinked.number,
        "attributedIn72h": unlinked.in_72h,
    }


def _recovery(failed: Sequence[DeployRow]) -> dict[str, Any]:
    recoveries = [row.recovery for row in failed if row.recovery is not None]
    remedied = [row.remedied_after for row in failed if row.remedied_after is not None]
    still_open = sum(row.open for row in failed)
    return {
        **_durations(recoveries),
        "open": still_open,
        "byRemedy": _durations(remedied),
        "withoutIncident": len(failed) - len(recoveries) - len(remedied) - still_open,
    }


def _durations(durations: list[int]) -> dict[str, Any]:
    ordered = sorted(durations)
    return {
        "median": seconds(percentile(ordered, MEDIAN)),
        "p90": seconds(percentile(ordered, P90)),
        "count": len(ordered),
    }


def percentile(ordered: Sequence[int] | NDArray[np.int64], hundredths: int) -> float | None:
    """Return the value below which *hundredths* of *ordered* numbers lie; None without numbers."""
    if not len(ordered):
        return None
    # Whole numbers keep a rank exact that is a whole number.
    below, rest = divmod(hundredths * (len(ordered) - 1), 100)
    low = int(ordered[below])
    return low + (int(ordered[below + 1]) - low) * rest / 100 if rest else low


def ratio(part: float, whole: float) -> float | None:
    """Return a part of a whole; None for a part of nothing."""
    return part / whole if whole else None


def seconds(us: float | None) -> float | None:
    """Return microseconds as seconds."""
    return None if us is None else us / 1_000_000
