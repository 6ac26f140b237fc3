"""The card of each figure: its number, the counts behind it, and its trend as a chart and a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from gitdailies_dora.derived.read.figures.repository_page import ShownBucket
from gitdailies_dora.figures.answers import numbers
from gitdailies_dora.figures.answers.numbers import (
    ChangeFailRate,
    ChangeLeadTime,
    DeploymentFrequency,
    DeploymentReworkRate,
    FailedDeploymentRecoveryTime,
    Figures,
)
from gitdailies_dora.figures.words.rates import behind, fail_rate, too_new
from gitdailies_dora.pages.charts import figure_charts
from gitdailies_dora.pages.charts.figure_charts import (
    COUNTS,
    DURATIONS,
    PARTS,
    RATES,
    BucketValue,
    Measure,
    Rolled,
    Trends,
)
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.event_links import Piece
from gitdailies_dora.pages.frame.formatting import (
    FEW,
    count,
    decimal,
    duration,
    fraction,
    p90,
    part_in_percent,
    percent,
    unbroken,
)

Figure = TypeVar("Figure")
# A label, and the number of a figure that it names.
Cells: TypeAlias = tuple[tuple[str, Callable[[Figure], str]], ...]

# The middle half of fewer durations says nothing that they do not.
LEAST_FOR_HALF = 3


class Headline(NamedTuple):
    """A number at the top of a card, and what it is of, in small letters below it."""

    value: str
    of: str = ""


class CardContext(NamedTuple):
    """The window in words, and from when days count, if that is later than the period begins.

    `listed` has the address of the list of the events behind a count, by its label.
    """

    window: str
    observed: Mapping[str, str] | None = None
    listed: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class CardLayout(Generic[Figure]):
    """How the card of a figure looks.

    *of* takes the figure from the five, or from those over four weeks. *headlines* writes the numbers at the
    top; without one, *nothing* says why. *counts* are shown below it, *folded* ones above the table of the
    trend, and *columns* in it. *measure* says how it is drawn, *value* what of a bucket, and *rolled* what of
    four weeks. *basis* is the count behind the number; a small one is shown with a warning, unless the figure
    is *exact* with any count.
    """

    name: str
    explanation: str
    of: Callable[[Any], Figure]
    headlines: Callable[[Figure, CardContext], list[Headline]]
    nothing: str
    basis: Callable[[Figure], int]
    counts: Cells[Figure]
    columns: Cells[Figure]
    measure: Measure
    value: Callable[[Figure, ShownBucket], BucketValue]
    rolled: Callable[[Any], tuple[Any, int, int]] | None = None
    folded: Cells[Figure] = ()
    exact: bool = False

    def drawn(self, bucket: ShownBucket) -> BucketValue:
        """Return the values to draw for a bucket."""
        value, rolling = self.value(self.of(bucket.figures), bucket), bucket.figures.rolling
        if rolling is None or self.rolled is None:
            return value
        rolled = self.rolled(self.of(rolling))
        return value if rolled[0] is None else value._replace(rolled=Rolled(*rolled))


def _fail_rate(found: ChangeFailRate, context: CardContext) -> list[Headline]:
    lines = []
    if found.settled:
        lines.append(Headline(fail_rate(found), behind(found, context.window) if found.failed else ""))
    if found.pending or found.failed_pending:
        number, _, young = too_new(found, unbroken(context.window)).partition(" ")
        lines.append(Headline(number, young))
    return lines


def _recovery(found: FailedDeploymentRecoveryTime, _: CardContext) -> list[Headline]:
    by_remedy = found.by_remedy.median
    lines = [] if found.median is None else [Headline(duration(found.median), "median")]
    if by_remedy is not None:
        lines = [one._replace(of="median, by incidents") for one in lines]
        lines.append(Headline(duration(by_remedy), "median, by the remedy, without an incident"))
    return lines


def _part(some: int, whole: int, result: str) -> Headline:
    written = [result, "" if whole < FEW else unbroken(part_in_percent(some, whole))]
    return Headline(f"{count(some)} of {count(whole)}", ", ".join(filter(None, written)))


def _half(low: float | None, high: float | None, of: int) -> tuple[float, float] | None:
    return None if low is None or high is None or of < LEAST_FOR_HALF else (low, high)


_UNKNOWN: Cells[ChangeLeadTime] = (
    ("Commits", lambda found: count(found.commits)),
    ("Deploys with nothing new", lambda found: count(found.nothing_new)),
    ("Unknown deploys", lambda found: count(found.unknown_deploys)),
    ("Unknown commits", lambda found: count(found.unknown_commits)),
)
_FAILED: Cells[ChangeFailRate] = (
    ("Failed for certain", lambda found: count(found.failed - found.evidence.time)),
    ("May have failed", lambda found: count(found.evidence.time)),
    ("Settled", lambda found: count(found.settled)),
    ("Too new to tell", lambda found: count(found.pending)),
    ("Recent failures", lambda found: count(found.failed_pending)),
    ("Unlinked incidents", lambda found: count(found.unlinked)),
)
_RECOVERED: Cells[FailedDeploymentRecoveryTime] = (
    ("Recovered", lambda found: count(found.recovered)),
    ("Failed, still open", lambda found: count(found.open)),
    ("Timed by the remedy, without an incident", lambda found: count(found.by_remedy.count)),
    ("Recovery unknown", lambda found: count(found.without_incident)),
)
_REWORKED: Cells[DeploymentReworkRate] = (
    ("Rework", lambda found: count(found.rework)),
    ("Fixes that are inferred", lambda found: count(found.inferred)),
    ("Deploys", lambda found: count(found.deploys)),
)

FREQUENCY = CardLayout[DeploymentFrequency](
    numbers.FREQUENCY,
    "All deploys, including rollbacks and hotfixes, divided by the days of the period up to now. Days "
    "count from the day of the first event on. Gap: the time between a deploy and the next.",
    lambda figures: figures.deployment_frequency,
    lambda found, context: [Headline(*phrases.frequency(found, context.observed))] if found.days else [],
    "nothing happened yet",
    lambda found: found.deploys,
    (
        ("Deploys", lambda found: count(found.deploys)),
        ("Days", lambda found: decimal(found.days)),
        ("Median gap", lambda found: duration(found.gaps.median)),
        ("90th percentile gap", lambda found: duration(p90(found.gaps.p90, found.deploys))),
    ),
    (
        ("Deploys", lambda found: count(found.deploys)),
        ("Days", lambda found: decimal(found.days)),
        ("Deploys a day", lambda found: decimal(found.value)),
        ("Median gap", lambda found: duration(found.gaps.median)),
    ),
    Measure("Deployment frequency", COUNTS, "deploy", "deploys"),
    lambda found, _: BucketValue(found.deploys, found.deploys, days=found.days),
    exact=True,
)
LEAD_TIME = CardLayout[ChangeLeadTime](
    numbers.LEAD_TIME,
    "The time from a commit to the first deploy with it in its repository, environment and "
    "service. Deploys with nothing new: rollbacks, and deploys of a commit that was already there. "
    "Unknown deploys: such as the first one there; the page of each says why. "
    "Unknown commits: those without a time, or with a time after their deploy.",
    lambda figures: figures.change_lead_time,
    lambda found, _: [] if found.median is None else [Headline(duration(found.median), "median")],
    "no commit with a known lead time; the page of each unknown deploy says why",
    lambda found: found.commits,
    (("90th percentile", lambda found: duration(p90(found.p90, found.commits))), *_UNKNOWN),
    (
        ("Median", lambda found: duration(found.median)),
        ("90th percentile", lambda found: duration(found.p90)),
        *_UNKNOWN,
    ),
    Measure("Change lead time", DURATIONS, "commit", "commits"),
    lambda found, _: BucketValue(
        found.median, found.commits, spread=_half(found.p25, found.p75, found.commits)
    ),
    rolled=lambda over: (over.median, over.commits, over.commits),
)
FAIL_RATE = CardLayout[ChangeFailRate](
    numbers.FAIL_RATE,
    "Failed deploys divided by settled deploys, without those that failed by chance alone. Settled: at "
    "least {window} old. Failed for certain: an incident names the deploy, a person says so, or a later "
    "deploy remedied it: a rollback, a hotfix or a revert. May have failed: an incident came within "
    "{window}, and nothing else says so. By chance: how many of these would have had an incident anyway. "
    "The bars have all that failed or may have failed: chance is known for a whole period alone. Too new "
    "to tell, and recent failures: younger than {window}, so in neither number. Unlinked incidents: "
    "attributed to no deploy.",
    lambda figures: figures.change_fail_rate,
    _fail_rate,
    "no settled deploy",
    lambda found: found.settled,
    _FAILED[-1:],
    (("Failed", lambda found: fraction(found.failed, found.settled)), *_FAILED),
    Measure("Change fail rate", PARTS, "settled deploy", "settled deploys", "failed", "Failed"),
    lambda found, _: BucketValue(
        numbers.ratio(found.failed, found.settled),
        found.settled,
        found.failed,
        found.failed - found.evidence.time,
    ),
    rolled=lambda over: (
        None if over.settled < FEW else numbers.ratio(over.failed, over.settled),
        over.failed,
        over.settled,
    ),
    folded=(
        ("By chance, about", lambda found: count(found.by_chance)),
        *_FAILED[:-1],
        ("Unlinked, but not with a window of 72 h", lambda found: count(found.attributed_in72h)),
    ),
)
RECOVERY = CardLayout[FailedDeploymentRecoveryTime](
    numbers.RECOVERY,
    "For each failed deploy, the time from the start of its first incident until none of the incidents "
    "that overlap is open. Failed, still open: an incident of the deploy has not ended yet. Timed by "
    "the remedy, without an incident: the time from the deploy to the first later deploy that remedied "
    "it. Recovery unknown: all incidents of the deploy were merged or canceled. "
    "Open incidents: all that are open now, also those that are attributed to no deploy.",
    lambda figures: figures.failed_deployment_recovery_time,
    _recovery,
    "no failed deploy that has recovered",
    lambda found: found.recovered,
    (("90th percentile", lambda found: duration(p90(found.p90, found.recovered))), *_RECOVERED),
    (
        ("Median", lambda found: duration(found.median)),
        ("90th percentile", lambda found: duration(found.p90)),
        *_RECOVERED,
    ),
    Measure(
        "Failed deployment recovery time", DURATIONS, "recovered deploy", "recovered deploys", "", "Recovered"
    ),
    lambda found, bucket: BucketValue(
        found.median,
        found.recovered,
        spread=_half(bucket.recovery_p25, bucket.recovery_p75, found.recovered),
    ),
    rolled=lambda over: (over.median, over.recovered, over.recovered),
)
REWORK = CardLayout[DeploymentReworkRate](
    numbers.REWORK,
    "Rollbacks, hotfixes, reverts and fixes, divided by all deploys. A deploy that goes back to an earlier "
    "commit is a rollback. Fixes that are inferred: a deploy came shortly before the end of an incident of "
    "an earlier one, so it seems to be a fix.",
    lambda figures: figures.deployment_rework_rate,
    lambda found, _: [_part(found.rework, found.deploys, "rework")] if found.deploys else [],
    "no deploy",
    lambda found: found.deploys,
    _REWORKED,
    (("Rate", lambda found: percent(found.value)), *_REWORKED),
    Measure("Deployment rework rate", RATES, "deploy", "deploys", "rework", "Rework"),
    lambda found, _: BucketValue(
        found.value,
        found.deploys,
        found.rework,
        spread=_half(found.interval.low, found.interval.high, LEAST_FOR_HALF),
    ),
    rolled=lambda over: (over.value, over.rework, over.deploys),
)
# As DORA groups them: throughput, then instability. The widest is the last one, so that no row has a hole.
LAYOUTS: tuple[CardLayout[Any], ...] = (FREQUENCY, LEAD_TIME, RECOVERY, REWORK, FAIL_RATE)


def cards(
    figures: Figures, buckets: Sequence[ShownBucket], trends: Trends, context: CardContext, open_now: Piece
) -> list[dict[str, Any]]:
    """Return the card of every figure; *open_now* is the number of open incidents, a link to their list."""
    more = {numbers.RECOVERY: [("Open incidents", open_now)]}
    return [_card(layout, figures, buckets, trends, context, more.get(layout.name, [])) for layout in LAYOUTS]


def _card(
    layout: CardLayout[Figure],
    figures: Figures,
    buckets: Sequence[ShownBucket],
    trends: Trends,
    context: CardContext,
    more: list[tuple[str, Piece]],
) -> dict[str, Any]:
    """Return a figure as the template shows it; `chart` is "" if there is nothing to draw.

    `few` is a sentence if the number is based on few events, else "".
    """
    found = layout.of(figures)
    headlines = layout.headlines(found, context)
    drawn = figure_charts.drawn(layout.measure, list(map(layout.drawn, buckets)), trends)
    # The columns of the chart come right after the value.
    at = 1 if drawn.columns else 0
    columns = [heading for heading, _ in layout.columns]
    rows = [[write(layout.of(bucket.figures)) for _, write in layout.columns] for bucket in buckets]
    counts, folded = (
        [(label, Piece(write(found), context.listed.get(label, ""))) for label, write in cells]
        for cells in (layout.counts, layout.folded)
    )
    return {
        "name": layout.name,
        "title": layout.measure.title,
        "explanation": layout.explanation.format(window=context.window),
        "headlines": headlines,
        "nothing": "" if headlines else layout.nothing,
        "few": "" if layout.exact else _few(layout.measure, layout.basis(found)),
        "counts": counts + more,
        "folded": folded,
        "chart": drawn.chart,
        "caption": drawn.caption,
        "columns": [*columns[:at], *drawn.columns, *columns[at:]],
        "rows": [[*row[:at], *cells, *row[at:]] for row, cells in zip(rows, drawn.cells, strict=True)],
    }


def _few(measure: Measure, number: int) -> str:
    if not 0 < number < FEW:
        return ""
    return (
        f"Based on a single {measure.one}." if number == 1 else f"Based on {number} {measure.several} only."
    )
