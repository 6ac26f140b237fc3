"""A series as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from gitdailies_webhooks.figures import metrics
from gitdailies_webhooks.figures.durations import NOTHING, duration
from gitdailies_webhooks.pages.formatting import count, fraction, rate, spreadsheet_safe

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
MARKDOWN = "text/markdown; charset=utf-8"
FORMS = ("json", "csv", "md")

_DURATIONS = frozenset({"median", "p25", "p75", "p90"})
_RATIOS = frozenset({"value", "low", "high"})
# What a row is about: the whole period, the one before, a bucket, or the span of its rolling values.
TOTAL, BEFORE, BUCKET, ROLLING = "total", "before", "bucket", "rolling"
_COLUMNS = ("span", "from", "to", "figure", "field", "value", "unit", "asOf", "definitions")


def write(answer: Mapping[str, Any], form: str) -> tuple[bytes, str]:
    """Write a series in one of `FORMS`; return the bytes and their media type."""
    if form == "csv":
        return as_csv(answer).encode(), CSV
    if form == "md":
        return as_markdown(answer).encode(), MARKDOWN
    return orjson.dumps(answer), JSON


def fields(numbers: Mapping[str, Any]) -> Iterator[tuple[str, str, Any, str]]:
    """Yield figure, field, value and unit of each number; one in a group is like `byRemedy.median`."""
    for figure in metrics.FIGURES:
        for name, value in numbers.get(figure, {}).items():
            inner = value.items() if isinstance(value, Mapping) else ((None, value),)
            for part, one in inner:
                field = name if part is None else f"{name}.{part}"
                yield figure, field, one, _unit(figure, part or name)


def _unit(figure: str, field: str) -> str:
    if field in _DURATIONS:
        return "seconds"
    if field in _RATIOS:
        return "deploys/day" if figure == metrics.FREQUENCY else "ratio"
    return "days" if field == "days" else ""


def spans(answer: Mapping[str, Any], group: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    """Yield the spans of a group: what, from, to, and the numbers.

    They are the period, the one before, and each bucket with the span of its rolling values.
    """
    until = answer["to"] or answer["now"]
    yield TOTAL, answer["from"], until, group["total"]
    if group.get("before") is not None:
        yield BEFORE, answer["before"]["from"], answer["from"], group["before"]
    for bucket in group["buckets"]:
        yield BUCKET, bucket["from"], bucket["to"] or until, bucket
        if "rolling" in bucket:
            yield ROLLING, bucket["rolling"]["from"], bucket["to"] or until, bucket["rolling"]


def as_csv(answer: Mapping[str, Any]) -> str:
    """Write a series in long form (RFC 4180), one row for each number; null is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    by = answer["by"]
    writer.writerow((*by, *_COLUMNS))
    as_of = answer["asOf"], answer["definitions"]
    for group in answer["groups"]:
        names = [spreadsheet_safe(group["by"][name]) for name in by]
        for what, began, ended, numbers in spans(answer, group):
            for figure, field, value, unit in fields(numbers):
                shown = "" if value is None else value if isinstance(value, str) else repr(value)
                writer.writerow((*names, what, began, ended, figure, field, shown, unit, *as_of))
        for figure, word in (group.get("change") or {}).items():
            until = answer["to"] or answer["now"]
            writer.writerow((*names, TOTAL, answer["from"], until, figure, "change", word, "", *as_of))
    return text.getvalue()


# The columns of Markdown: heading, and how the figures are written.
_HEADINGS = ("Deploys", "A day", "Lead time", "Failed", "Recovery", "Rework")
_ROLLING_HEADINGS = ("From", "To", "Lead time", "Failed", "Recovery", "Rework")


def as_markdown(answer: Mapping[str, Any]) -> str:
    """Write the groups of a series as a table, and the buckets of each as one more."""
    until = answer["to"] or answer["now"]
    by = answer["by"]
    lines = [
        f"Figures from {answer['from']} to {until}, as of {answer['asOf']}.",
        f"Definitions {answer['definitions']}.",
        "",
        *_table([*(name.capitalize() for name in by), *_HEADINGS]),
    ]
    changes = [group.get("change") for group in answer["groups"]]
    for group, change in zip(answer["groups"], changes, strict=True):
        lines.append(_row([*_names(by, group), *_cells(group["total"], change)]))
    if not answer["groups"]:
        lines.append("")
        lines.append("No deploys and no incidents.")
    for group in answer["groups"]:
        if group["buckets"]:
            name = ", ".join(_names(by, group)) or "All"
            lines += ["", f"{name}, by {answer['interval']}:", "", *_table(["From", *_HEADINGS])]
            lines += [_row([bucket["from"], *_cells(bucket, None)]) for bucket in group["buckets"]]
            if answer["rolling"] is not None:
                weeks = answer["rolling"].removesuffix("w")
                lines += ["", f"{name}, over {weeks} weeks, by {answer['interval']}:", ""]
                lines += _table(list(_ROLLING_HEADINGS))
                lines += [_row(_rolling_cells(bucket, until)) for bucket in group["buckets"]]
    if answer["next"] is not None:
        lines += ["", "There are more groups."]
    return "\n".join(lines) + "\n"


def _names(by: list[str], group: Mapping[str, Any]) -> list[str]:
    return [_escaped(group["by"][name]) for name in by]


def _cells(numbers: Mapping[str, Any], change: Mapping[str, str] | None) -> list[str]:
    frequency, lead, fail, recovery, rework = (numbers[figure] for figure in metrics.FIGURES)
    by_remedy = recovery["byRemedy"]
    cells = {
        metrics.FREQUENCY: [count(frequency["deploys"]), rate(frequency["value"])],
        metrics.LEAD_TIME: [_median(lead["median"], lead["commits"])],
        metrics.FAIL_RATE: [fraction(fail["failed"], fail["settled"])],
        metrics.RECOVERY: [
            _median(recovery["median"], recovery["recovered"])
            if recovery["recovered"]
            else _median(by_remedy["median"], by_remedy["count"])
        ],
        metrics.REWORK: [fraction(rework["rework"], rework["deploys"])],
    }
    for figure, word in (change or {}).items():
        if word not in ("unclear", "few"):
            cells[figure][-1] += f", clearly {word}"
    return [cell for group in cells.values() for cell in group]


def _rolling_cells(bucket: Mapping[str, Any], until: str) -> list[str]:
    rolled = bucket["rolling"]
    lead, fail, recovery, rework = (rolled[figure] for figure in metrics.FIGURES if figure in rolled)
    return [
        rolled["from"],
        bucket["to"] or until,
        _median(lead["median"], lead["commits"]),
        NOTHING if fail["value"] is None else fraction(fail["failed"], fail["settled"]),
        _median(recovery["median"], recovery["recovered"]),
        NOTHING if rework["value"] is None else fraction(rework["rework"], rework["deploys"]),
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
