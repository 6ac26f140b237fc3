"""The answers about figures: those of `GET /api/metrics` and `GET /api/metrics/series`."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import astuple

from gitdailies_dora.figures.answers.numbers import FIGURES, Figures, Rolling, Time

Dimension: TypeAlias = Literal["team", "repo", "service", "environment"]
IntervalName: TypeAlias = Annotated[
    str | None, Meta(extra_json_schema={"enum": ["day", "week", "month", "quarter", None]})
]
Definitions: TypeAlias = Annotated[str, Meta(description="the version of the definitions, such as 2026-2")]
AsOf: TypeAlias = Annotated[Time, Meta(description="includes every event received before this")]
Next: TypeAlias = Annotated[str | None, Meta(description="the `after` of the next page")]
UnknownNames: TypeAlias = Annotated[
    tuple[str, ...] | UnsetType,
    Meta(description="filters that fit no event at all, each with the nearest name; left out if all fit one"),
]
Higher: TypeAlias = Literal["higher", "lower", "unclear", "few"]
Longer: TypeAlias = Literal["longer", "shorter", "unclear", "few"]


class FiguresPeriod(Struct, frozen=True, rename="camel"):
    """The period of an answer; `to` is None if it has no end."""

    from_: Time
    to: Time | None
    now: Time
    observed_from: Annotated[
        Time | None, Meta(description="from when days count: not before the day of the first event")
    ]
    days: Annotated[float, Meta(ge=0)]
    timezone: str


class FiguresFilter(Struct, frozen=True):
    """What an answer is about; None means any."""

    repo: str | None
    environment: str | None
    service: str | None
    team: str | None


class FiguresAnswer(Struct, frozen=True, rename="camel"):
    """The five figures of one selection."""

    definitions: Definitions
    period: FiguresPeriod
    filter: FiguresFilter
    as_of: AsOf
    window_seconds: float
    figures: Figures
    unknown: UnknownNames = UNSET


class SeriesChange(Struct, frozen=True, rename="camel"):
    """What became of each figure since the period before."""

    deployment_frequency: Higher
    change_lead_time: Longer
    change_fail_rate: Higher
    failed_deployment_recovery_time: Longer
    deployment_rework_rate: Higher

    @property
    def by_figure(self) -> Mapping[str, str]:
        """The word of each figure, by its name."""
        return dict(zip(FIGURES, astuple(self), strict=True))


class SeriesBucket(Figures, frozen=True, rename="camel"):
    """The five figures of a day, a week, a month or a quarter; `to` is None if the period has no end."""

    from_: Time
    to: Time | None
    whole: Annotated[bool, Meta(description="whether all of the unit is in the period, and over")]
    rolling: Rolling | None


class SeriesGroup(Struct, frozen=True):
    """The figures of a group over the period, the period before, and each bucket.

    `by` has the name of the group in each dimension. `before` and `change` are None without a comparison.
    """

    by: dict[Dimension, str]
    total: Figures
    before: Figures | None
    change: SeriesChange | None
    buckets: tuple[SeriesBucket, ...]


class SeriesBefore(Struct, frozen=True, rename="camel"):
    """The period before, which ends where the period begins."""

    from_: Time


class SeriesFilter(Struct, frozen=True):
    """The names that a question is limited to; an empty list means any."""

    team: tuple[str, ...]
    repo: tuple[str, ...]
    service: tuple[str, ...]
    environment: tuple[str, ...]


class SeriesAnswer(Struct, frozen=True, rename="camel"):
    """The five figures of each group, over time: one page of groups."""

    definitions: Definitions
    as_of: AsOf
    timezone: str
    window_seconds: float
    by: tuple[Dimension, ...]
    interval: IntervalName
    rolling: Annotated[str | None, Meta(description="the span of rolling values, such as 4w")]
    from_: Time
    to: Time | None
    now: Time
    before: SeriesBefore | None
    confidence: Annotated[float | None, Meta(description="that of `change`; null without compare")]
    filter: SeriesFilter
    groups: tuple[SeriesGroup, ...]
    next: Next
    unknown: UnknownNames = UNSET
