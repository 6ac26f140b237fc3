"""Answers about figures as JSON, CSV and Markdown."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from gitdailies_dora.figures.answers.comparison import is_clear
from gitdailies_dora.figures.answers.numbers import Figures, Rolling, each_number
from gitdailies_dora.figures.answers.report import FiguresAnswer, SeriesAnswer, SeriesChange, SeriesGroup
from gitdailies_dora.figures.words.durations import NOTHING, duration
from gitdailies_dora.figures.words.rates import fail_rate
from gitdailies_dora.pages.frame import phrases
from gitdailies_dora.pages.frame.formatting import FEW, count, fraction, rate, rate_unit, spreadsheet_safe

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
MARKDOWN = "text/markdown; charset=utf-8"
FORMS = ("json", "csv", "md")

# What a row is about: the whole period, the one before, a bucket, or the span of its rolling values.
TOTAL, BEFORE, BUCKET, ROLLING = "total", "before", "bucket", "rolling"
_COLUMNS = ("span", "from", "to", "figure", "field", "value", "unit", "asOf", "definitions")
SELECTED = ("repo", "environment", "service", "team")


class Span(NamedTuple):
    """A span of time with its numbers: one of the words above, and from when until when."""

    what: str
    began: str
    ended: str
    figures: Figures | Rolling


def write(answer: SeriesAnswer, form: str) -> tuple[bytes, str]:
    """Write a series in one of `FORMS`; return the bytes and their media type."""
    if form == "csv":
        return series_as_csv(answer).encode(), CSV
    if form == "md":
        return as_markdown(answer).encode(), MARKDOWN
    return msgspec.json.encode(answer), JSON


def selected(answer: FiguresAnswer) -> tuple[str, ...]:
    """Return what an answer is about, in the order of `SELECTED`; "" for any."""
    place = answer.filter
    return tuple(name or "" for name in (place.repo, place.environment, place.service, place.team))


def spans(answer: SeriesAnswer, group: SeriesGroup) -> Iterator[Span]:
    """Yield the spans of a group: the period, the one before, and each bucket with its rolling values."""
    until = answer.to or answer.now
    yield Span(TOTAL, answer.from_, until, group.total)
    if group.before is not None and answer.before is not None:
        yield Span(BEFORE, answer.before.from_, answer.from_, group.before)
    for bucket in group.buckets:
        yield Span(BUCKET, bucket.from_, bucket.to or until, bucket)
        if bucket.rolling is not None:
            yield Span(ROLLING, bucket.rolling.from_, bucket.to or until, bucket.rolling)


def as_csv(answer: FiguresAnswer) -> str:
    """Write the figures of a selection as CSV (RFC 4180), one row for each number; null is an empty cell."""
    period = answer.period
    span = Span(TOTAL, period.from_, period.to or period.now, answer.figures)
    names = selected(answer)
    return _csv(SELECTED, [*_rows(names, [span], answer), *_unknown(names, span[:3], answer)])


def series_as_csv(answer: SeriesAnswer) -> str:
    """Write a series as CSV, one row for each number."""
    until = answer.to or answer.now
    rows: list[Sequence[str]] = []
    for group in answer.groups:
        names = [group.by[name] for name in answer.by]
        rows += _rows(names, spans(answer, group), answer)
        if group.change is not None:
            for figure, word in group.change.by_figure.items():
                row = (TOTAL, answer.from_, until, figure, "change", word, "")
                rows.append((*names, *row, answer.as_of, answer.definitions))
    rows += _unknown([""] * len(answer.by), (TOTAL, answer.from_, until), answer)
    return _csv(answer.by, rows)


def _unknown(
    names: Iterable[str], span: Sequence[str], answer: FiguresAnswer | SeriesAnswer
) -> Iterator[Sequence[str]]:
    for text in answer.unknown or ():
        yield (*names, *span, "", "unknown", text, "", answer.as_of, answer.definitions)


def _rows(
    names: Iterable[str], of: Iterable[Span], answer: FiguresAnswer | SeriesAnswer
) -> Iterator[Sequence[str]]:
    for span in of:
        for figure, field, value, unit in each_number(span.figures):
            shown = "" if value is None else value if isinstance(value, str) else repr(value)
            row = (*span[:3], figure, field, shown, unit)
            yield (*names, *row, answer.as_of, answer.definitions)


def _csv(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*names, *_COLUMNS))
    writer.writerows((*map(spreadsheet_safe, row[: len(names)]), *row[len(names) :]) for row in rows)
    return text.getvalue()


# The columns of Markdown: heading, and how the figures are written.
_HEADINGS = ("Deploys", "How often", "Lead time", "Failed", "Recovery", "Rework")
_ROLLING_HEADINGS = ("From", "To", "Lead time", "Failed", "Recovery", "Rework")


def as_markdown(answer: SeriesAnswer) -> str:
    """Write the groups of a series as a table, and the buckets of each as one more."""
    until = answer.to or answer.now
    by = answer.by
    often = [group.total.deployment_frequency.value for group in answer.groups]
    rates = list(filter(None, often))
    unit = rate_unit(sum(rates) / max(len(rates), 1))
    lines = [
        f"Figures of {_scope(answer)} from {answer.from_} to {until}, as of {answer.as_of}.",
        f"Definitions {answer.definitions}.",
        "",
        *_table([*(name.capitalize() for name in by), *_HEADINGS]),
        *(_row([*_names(answer, one), *_cells(one.total, unit, one.change)]) for one in answer.groups),
    ]
    if not answer.groups:
        lines += ["", "No deploys and no incidents."]
    for text in answer.unknown or ():
        lines += ["", f"{_escaped(text)}."]
    for group in answer.groups:
        if group.buckets:
            name = ", ".join(_names(answer, group)) or "All"
            lines += ["", f"{name}, by {answer.interval}:", "", *_table(["From", *_HEADINGS])]
            lines += [_row([bucket.from_, *_cells(bucket, unit)]) for bucket in group.buckets]
            if answer.rolling is not None:
                weeks = answer.rolling.removesuffix("w")
                lines += ["", f"{name}, over {weeks} weeks, by {answer.interval}:", ""]
                lines += _table(list(_ROLLING_HEADINGS))
                lines += [
                    _row(_rolling_cells(bucket.rolling, bucket.to or until))
                    for bucket in group.buckets
                    if bucket.rolling is not None
                ]
    if answer.next is not None:
        lines += ["", "There are more groups."]
    return "\n".join(lines) + "\n"


def _scope(answer: SeriesAnswer) -> str:
    asked = answer.filter
    named = [*asked.team, *asked.repo, *asked.service] or ["all repositories"]
    return ", ".join(map(_escaped, (*named, *asked.environment)))


def _names(answer: SeriesAnswer, group: SeriesGroup) -> list[str]:
    return [_escaped(group.by[name]) for name in answer.by]


def _cells(figures: Figures, unit: tuple[int, str], change: SeriesChange | None = None) -> list[str]:
    frequency, lead, fail = figures.deployment_frequency, figures.change_lead_time, figures.change_fail_rate
    recovery, rework = figures.failed_deployment_recovery_time, figures.deployment_rework_rate
    cells = [
        rate(frequency.value, unit),
        ", ".join([_median(lead.median, lead.commits), *phrases.without_lead_time(lead)]),
        fail_rate(fail),
        _median(recovery.median, recovery.recovered)
        if recovery.recovered
        else phrases.by_remedy(recovery.by_remedy) or NOTHING,
        fraction(rework.rework, rework.deploys),
    ]
    words = ["unclear"] * len(cells) if change is None else change.by_figure.values()
    changed = [f", clearly {word}" if is_clear(word) else "" for word in words]
    return [count(frequency.deploys), *map("".join, zip(cells, changed, strict=True))]


def _rolling_cells(rolled: Rolling, until: str) -> list[str]:
    lead, fail = rolled.change_lead_time, rolled.change_fail_rate
    recovery, rework = rolled.failed_deployment_recovery_time, rolled.deployment_rework_rate
    return [
        rolled.from_,
        until,
        _median(lead.median, lead.commits),
        NOTHING if fail.settled < FEW else fraction(fail.failed, fail.settled),
        _median(recovery.median, recovery.recovered),
        NOTHING if rework.value is None else fraction(rework.rework, rework.deploys),
    ]


def _median(seconds: float | None, number: int) -> str:
    return NOTHING if seconds is None else f"{duration(seconds)} of {count(number)}"


def _table(headings: list[str]) -> list[str]:
    return [_row(headings), _row(["---"] * len(headings))]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is, and that stays in its cell."""
    marked = "".join(f"\\{sign}" if sign in "\\`*_{}[]<>&#|!~" else sign for sign in text)
    return marked or NOTHING
