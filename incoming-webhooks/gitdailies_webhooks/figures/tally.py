"""What deploys and incidents add up to, and the five figures of such a sum.

Sums can be added, so that those of days make weeks and those of repositories make teams. Medians are never
made of medians: a sum holds every lead time and every recovery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from gitdailies_webhooks.figures import comparison, metrics
from gitdailies_webhooks.figures.comparison import Part, Verdict
from gitdailies_webhooks.figures.metrics import (
    MEDIAN,
    P25,
    P75,
    P90,
    DeployRow,
    IncidentRow,
    percentile,
    ratio,
    seconds,
)
from gitdailies_webhooks.figures.remembered import Remembered

# Between the lead times of two deploys.
BETWEEN = ";"
# Of the deploys of a period, about this many are compared: enough to see a difference of a tenth.
MOST_COMPARED = 400

# The words of a comparison, by figure.
_LONGER: Mapping[Verdict, str] = MappingProxyType({comparison.HIGHER: "longer", comparison.LOWER: "shorter"})
_MORE: Mapping[Verdict, str] = MappingProxyType({})
WORDS: Mapping[str, Mapping[Verdict, str]] = MappingProxyType(
    {
        metrics.FREQUENCY: _MORE,
        metrics.LEAD_TIME: _LONGER,
        metrics.FAIL_RATE: _MORE,
        metrics.RECOVERY: _LONGER,
        metrics.REWORK: _MORE,
    }
)


class Tally(NamedTuple):
    """Sums over some deploys and incidents.

    `young` deploys are not settled. `failed` counts settled deploys, and `failed_young` the others. `leads`
    are the lead times of each deploy that has some, in microseconds as they are stored. `recoveries` and
    `remedied` are microseconds, too. `unlinked` and `unlinked_72h` count incidents.
    """

    deploys: int = 0
    rework: int = 0
    young: int = 0
    unknown_deploys: int = 0
    unknown_commits: int = 0
    leads: str = ""
    failed: int = 0
    failed_young: int = 0
    recoveries: tuple[int, ...] = ()
    remedied: tuple[int, ...] = ()
    still_open: int = 0
    unlinked: int = 0
    unlinked_72h: int = 0

    @property
    def settled(self) -> int:
        return self.deploys - self.young

    @property
    def lead_times(self) -> list[int]:
        """The lead time of each commit, in microseconds."""
        return _each(self.leads)


class LeadTimes(NamedTuple):
    """What the lead times of a period come to, in seconds, and how many commits have one."""

    median: float | None
    p25: float | None
    p75: float | None
    p90: float | None
    commits: int


def _each(leads: str) -> list[int]:
    # One JSON list is parsed five times as fast as one number at a time.
    found: list[int] = orjson.loads(f"[{leads.replace(BETWEEN, ',')}]")
    return found


def _lead_times(leads: str) -> LeadTimes:
    ordered = sorted(_each(leads))
    median, p25, p75, p90 = (seconds(percentile(ordered, cut)) for cut in (MEDIAN, P25, P75, P90))
    return LeadTimes(median, p25, p75, p90, len(ordered))


def drawn_lead_times(leads: str) -> list[float]:
    """Return the median lead time of each deploy that has one; of about `MOST_COMPARED` if there are more.

    Which ones depends on nothing but their lead times, so that it is the same in any order.
    """
    deploys = leads.encode().split(BETWEEN.encode()) if leads else []
    step = -(-len(deploys) // MOST_COMPARED)
    if step > 1:
        deploys = [one for one in deploys if not crc32(one) % step]
    if not deploys:
        return []
    medians = (percentile(sorted(one), MEDIAN) for one in orjson.loads(b"[[%b]]" % b"],[".join(deploys)))
    return [one for one in medians if one is not None]


def _compared_lead_times(before: str, now: str, confidence: str) -> Verdict:
    return comparison.compare_durations(drawn_lead_times(before), drawn_lead_times(now), float(confidence))


# Three overviews of a hundred rows, and of the period before: of each, a few numbers or a word.
lead_times = Remembered(_lead_times, 600)
_compare_lead_times = Remembered(_compared_lead_times, 600)


def tally(deploys: Sequence[DeployRow], incidents: Iterable[IncidentRow], settled_until: int) -> Tally:
    """Add up deploys and incidents; deploys later than *settled_until* are young."""
    unlinked = [incident.linked_wide for incident in incidents if not incident.linked]
    counts = Tally(
        deploys=len(deploys),
        rework=sum(row.rework for row in deploys),
        young=sum(row.at > settled_until for row in deploys),
        unknown_deploys=sum(row.unknown for row in deploys),
        unknown_commits=sum(row.unknown_commits for row in deploys),
        leads=BETWEEN.join(row.lead_times for row in deploys if row.lead_times),
        unlinked=len(unlinked),
        unlinked_72h=sum(unlinked),
    )
    failed = [Failure(row.at, row.recovery, row.open, row.remedied_after) for row in deploys if row.failed]
    return merged((counts, failures(failed, settled_until)))


class Failure(NamedTuple):
    """How a deploy failed; the fields are those of a `DeployRow`."""

    at: int
    recovery: int | None
    open: bool
    remedied_after: int | None


def failures(failed: Sequence[Failure], settled_until: int) -> Tally:
    """Add up what failed deploys add beyond being deploys."""
    young = sum(one.at > settled_until for one in failed)
    return Tally(
        failed=len(failed) - young,
        failed_young=young,
        recoveries=tuple(one.recovery for one in failed if one.recovery is not None),
        remedied=tuple(one.remedied_after for one in failed if one.remedied_after is not None),
        still_open=sum(one.open for one in failed),
    )


def merged(tallies: Iterable[Tally]) -> Tally:
    """Add several sums."""
    columns = list(zip(*tallies, strict=True))
    if not columns:
        return Tally()
    if len(columns[0]) == 1:
        return Tally._make(column[0] for column in columns)
    return Tally._make(_added(column) for column in columns)


def _added(column: tuple[Any, ...]) -> Any:
    if isinstance(column[0], int):
        return sum(column)
    if isinstance(column[0], str):
        return BETWEEN.join(filter(None, column))
    return tuple(chain.from_iterable(column))


def numbers(found: Tally, days: float, since: str | None) -> dict[str, Any]:
    """Return the five figures by name; durations are in seconds.

    *days* are the observed ones. They began at *since*, if that is later than the period; else it is None.
    """
    lead = lead_times(found.leads)
    failed = found.failed + found.failed_young
    decided = len(found.recoveries) + len(found.remedied) + found.still_open
    return {
        metrics.FREQUENCY: {
            "value": ratio(found.deploys, days),
            "deploys": found.deploys,
            "days": days,
            "since": since,
        },
        metrics.LEAD_TIME: {
            **lead._asdict(),
            "unknown": found.unknown_commits,
            "unknownDeploys": found.unknown_deploys,
        },
        metrics.FAIL_RATE: {
            "value": ratio(found.failed, found.settled),
            "failed": found.failed,
            "settled": found.settled,
            **_interval(Part(found.failed, found.settled)),
            "pending": found.young - found.failed_young,
            "failedYoung": found.failed_young,
            "unlinked": found.unlinked,
            "attributedIn72h": found.unlinked_72h,
        },
        metrics.RECOVERY: {
            **_durations(found.recoveries),
            "recovered": len(found.recoveries),
            "open": found.still_open,
            "byRemedy": {**_durations(found.remedied), "count": len(found.remedied)},
            "withoutIncident": failed - decided,
        },
        metrics.REWORK: {
            "value": ratio(found.rework, found.deploys),
            "rework": found.rework,
            "deploys": found.deploys,
            **_interval(Part(found.rework, found.deploys)),
        },
    }


def _durations(durations: Iterable[int]) -> dict[str, float | None]:
    ordered = sorted(durations)
    return {"median": seconds(percentile(ordered, MEDIAN)), "p90": seconds(percentile(ordered, P90))}


def _interval(part: Part) -> dict[str, float | None]:
    interval = comparison.wilson(part)
    return {"low": None, "high": None} if interval is None else interval._asdict()


class Weeks(NamedTuple):
    """The number of deploys of each whole week of a period, and of the period before."""

    before: Sequence[int]
    now: Sequence[int]


def changes(before: Tally, now: Tally, weeks: Weeks, confidence: float) -> dict[str, str]:
    """Return what became of each figure: higher, lower, unclear or few; of durations longer or shorter."""
    verdicts = {
        metrics.FREQUENCY: comparison.compare_counts(weeks.before, weeks.now, confidence),
        metrics.LEAD_TIME: _compare_lead_times(before.leads, now.leads, str(confidence)),
        metrics.FAIL_RATE: comparison.compare_rates(
            Part(before.failed, before.settled), Part(now.failed, now.settled), confidence
        ),
        metrics.RECOVERY: comparison.compare_durations(before.recoveries, now.recoveries, confidence),
        metrics.REWORK: comparison.compare_rates(
            Part(before.rework, before.deploys), Part(now.rework, now.deploys), confidence
        ),
    }
    return {figure: WORDS[figure].get(verdict, verdict) for figure, verdict in verdicts.items()}
