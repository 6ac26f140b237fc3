"""The numbers of the five figures, each under one name: in answers, files, metrics, charts and sentences.

Durations are in seconds. A ratio of nothing is None, and so is a percentile of nothing. Percentiles are
interpolated linearly between neighbors (type 7 of Hyndman and Fan, 1996).

A deploy that is at least one window old is settled: it is judged. A younger one is in neither number of
the change fail rate. Until then, only its failures could be known, and the rate would be too high.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Meta, Struct, field, structs

FREQUENCY = "deploymentFrequency"
LEAD_TIME = "changeLeadTime"
FAIL_RATE = "changeFailRate"
RECOVERY = "failedDeploymentRecoveryTime"
REWORK = "deploymentReworkRate"
FIGURES = (FREQUENCY, LEAD_TIME, FAIL_RATE, RECOVERY, REWORK)

# In hundredths.
P25, MEDIAN, P75, P90 = 25, 50, 75, 90

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Ratio: TypeAlias = Annotated[float | None, Meta(description="null of nothing")]
Seconds: TypeAlias = Annotated[float | None, Meta(description="seconds; null if there is none")]
Time: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


def _about(text: str) -> Meta:
    return Meta(description=text)


class RateInterval(Struct, frozen=True):
    """The 95 % interval of a rate (Wilson), or its range; both ends are None where there is none."""

    low: Ratio
    high: Ratio


class Gaps(Struct, frozen=True):
    """The times between a deploy and the next one."""

    median: Seconds
    p90: Seconds
    count: Count


class ByRemedy(Struct, frozen=True):
    """Failed deploys without an incident: the times from the deploy to its first remedy."""

    median: Seconds
    p90: Seconds
    count: Count


class DeploymentFrequency(Struct, frozen=True, rename="camel"):
    """How often there are deploys, of every type: `value` is deploys a day."""

    value: Annotated[float | None, _about("null for less than one observed day")]
    deploys: Count
    days: Annotated[float, Meta(ge=0), _about("days that were observed, by the local clock")]
    since: Annotated[Time | None, _about("from when days count, if that is later than the span begins")]
    gaps: Gaps


class ChangeLeadTime(Struct, frozen=True, rename="camel"):
    """The times from commits to the first deploy with them."""

    median: Seconds
    p25: Seconds
    p75: Seconds
    p90: Seconds
    commits: Count
    unknown_commits: Annotated[Count, _about("commits without a known lead time")]
    unknown_deploys: Annotated[Count, _about("deploys whose commits are not known")]
    nothing_new: Annotated[Count, _about("deploys that brought no new commit")]


class Evidence(Struct, frozen=True):
    """The settled deploys that failed, by why they count as failed."""

    named: Annotated[Count, _about("an incident names their commit")]
    corrected: Annotated[Count, _about("a person says so")]
    remedied: Annotated[Count, _about("a later deploy remedied them")]
    time: Annotated[Count, _about("only that an incident came within the window says so")]


class ChangeFailRate(Struct, frozen=True, rename="camel"):
    """How many of the settled deploys failed, and how many of these by chance alone.

    In a bucket, `value`, `interval`, `range` and `byChance` are null.
    """

    value: Annotated[Ratio, _about("those that failed and did not by chance; null if that is not known")]
    failed: Annotated[Count, _about("settled deploys that failed")]
    settled: Annotated[Count, _about("deploys that are at least one window old")]
    interval: RateInterval
    range: Annotated[RateInterval, _about("the value is between these, however many failed by chance")]
    by_chance: Annotated[
        float | None, _about("how many of those that failed would have had an incident anyway")
    ]
    evidence: Evidence
    pending: Annotated[Count, _about("deploys younger than the window that have not failed; in no rate")]
    failed_pending: Annotated[Count, _about("deploys younger than the window that failed; in no rate")]
    unlinked: Annotated[Count, _about("incidents that are attributed to no deploy")]
    attributed_in72h: Annotated[Count, _about("those that a window of 72 hours would attribute")] = field(
        name="attributedIn72h"
    )


class FailedDeploymentRecoveryTime(Struct, frozen=True, rename="camel"):
    """The times from the first incident of a failed deploy until none is open."""

    median: Seconds
    p90: Seconds
    recovered: Count
    open: Annotated[Count, _about("failed deploys with an outage that has not ended")]
    by_remedy: ByRemedy
    without_incident: Annotated[Count, _about("failed deploys whose recovery no outage and no remedy tells")]


class DeploymentReworkRate(Struct, frozen=True, rename="camel"):
    """How many of all deploys fixed earlier ones."""

    value: Ratio
    rework: Count
    deploys: Count
    inferred: Annotated[Count, _about("those that are inferred, such as fixes forward")]
    range: Annotated[RateInterval, _about("without those that are inferred, and with them")]
    interval: RateInterval


class Figures(Struct, frozen=True, rename="camel"):
    """The five figures of one selection or group, in one span of time."""

    deployment_frequency: DeploymentFrequency
    change_lead_time: ChangeLeadTime
    change_fail_rate: ChangeFailRate
    failed_deployment_recovery_time: FailedDeploymentRecoveryTime
    deployment_rework_rate: DeploymentReworkRate


class RollingLeadTime(Struct, frozen=True):
    """The lead time over a span of weeks."""

    median: Seconds
    commits: Count


class RollingFailRate(Struct, frozen=True):
    """The fail rate over a span of weeks; its value is not known for parts of a period."""

    value: Ratio
    failed: Count
    settled: Count


class RollingRecovery(Struct, frozen=True):
    """The recovery time over a span of weeks."""

    median: Seconds
    recovered: Count


class RollingRework(Struct, frozen=True):
    """The rework rate over a span of weeks."""

    value: Ratio
    rework: Count
    deploys: Count


class Rolling(Struct, frozen=True, rename="camel"):
    """The figures of a span of weeks, which ends with a bucket; a value of fewer than five events is None."""

    from_: Annotated[Time, _about("the beginning of the span")]
    change_lead_time: RollingLeadTime
    change_fail_rate: RollingFailRate
    failed_deployment_recovery_time: RollingRecovery
    deployment_rework_rate: RollingRework


class Number(NamedTuple):
    """One number by its name in JSON: its figure, its field like `byRemedy.median`, its value and unit."""

    figure: str
    field: str
    value: float | str | None
    unit: str


# By the last part of a field. A value is a ratio, except that of deployment frequency.
_UNITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("median", "p25", "p75", "p90"), "seconds"),
        **dict.fromkeys(("value", "low", "high"), "ratio"),
        "days": "days",
    }
)


def each_number(figures: Figures | Rolling) -> Iterator[Number]:
    """Yield every number of figures, in their order."""
    for figure, found in _fields(figures):
        if figure in FIGURES and isinstance(found, Struct):
            for name, value in _flat(found):
                unit = _UNITS.get(name.rpartition(".")[2], "")
                a_day = figure == FREQUENCY and name == "value"
                yield Number(figure, name, value, "deploys/day" if a_day else unit)


def _flat(found: Struct) -> Iterator[tuple[str, float | str | None]]:
    for name, value in _fields(found):
        if isinstance(value, Struct):
            yield from ((f"{name}.{inner}", one) for inner, one in _flat(value))
        else:
            yield name, value


def _fields(found: Struct) -> Iterator[tuple[str, Struct | float | str | None]]:
    return ((one.encode_name, getattr(found, one.name)) for one in structs.fields(found))


def ratio(part: float, whole: float) -> float | None:
    """Return a part of a whole; None for a part of nothing."""
    return part / whole if whole else None
