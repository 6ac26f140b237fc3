"""Rows that are read many at once: the same events as those that are read one by one."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from gitdailies_core.events.events import KINDS, Kind
from gitdailies_history.files import formats, row_blocks, rows
from gitdailies_history.files.mapping import Mapped, Rule
from gitdailies_history.files.rows import ReadOptions
from gitdailies_history.plan.encoding import Encoded, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.forms import examples
from tests.support.history import making

COLUMNS = (*dict.fromkeys(one.name for kind in KINDS for one in kind.fields), "kind", "extra", "where")
LATEST = datetime(2026, 1, 1, tzinfo=UTC)
MAPPED = (
    Mapped(),
    Mapped((Rule({"environment": "where", "service": "where"}, {"kind": "deployed", "branch": "main"}),)),
    Mapped((Rule({"kind": "where"}, {"repo": " a/b"}),)),
    Mapped((Rule(texts={"source": "pagerduty", "title": "Größe"}),)),
    Mapped((Rule(only={"where": ("a",)}),)),
    Mapped((Rule(values={"environment": {"a": "b"}}),)),
    Mapped((Rule(moments={"time": ("where", "time")}),)),
    Mapped((Rule(), Rule({"time": "commitTime"}))),
)
SHA = "4f0c2d6b8e1a9357c0d4e2f6a8b1c3d5e7f90214"
TIMES = [
    "2025-03-04T08:55:12Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:01Z",
    "2025-03-04T08:55:12.25Z",
    "2025-03-04T08:55:12+01:00",
    "2025-02-30T08:55:12Z",
    "2025-03-04T24:00:00Z",
    "2025-03-04T23:59:60Z",
    "0000-01-01T00:00:00Z",
    "1741078512",
    "2025-03-04",
]
# For any column: some are taken as they are, some are changed, and some are refused.
ODD = ("", " ", "a", " a", "a/b", "ä/b", "a\x7fb", "a\tb", "a\u200bb", "\ud800", "x" * 256, "[]", '"\\')
OF_COLUMNS: Mapping[str, Sequence[str]] = {
    "kind": ("deployed", "incidentStarted", " deployed", "Deployed"),
    "commitSHA": (SHA.upper(), SHA[:6], SHA[:7], SHA + SHA),
    "causedBy": (SHA, "none", "NONE"),
    "time": TIMES,
    "commitTime": TIMES,
    "type": ("rollback", "canary"),
    "tier": ("staging",),
    "url": ("https://example.com/1", "example.com"),
    "commits": (f'[{{"sha": "{SHA}"}}]', "[1]"),
}
USUAL = {"repo": "a/b", "commitSHA": SHA, "environment": "a", "time": TIMES[0], "incidentId": "INC-7"}
CHANGES = [(name, text) for name in COLUMNS for text in (*OF_COLUMNS.get(name, ()), *ODD)]


def usual(kind: str) -> dict[str, str]:
    return {name: USUAL.get(name, kind if name == "kind" else "") for name in COLUMNS}


def one_by_one(row: rows.Row, options: ReadOptions) -> list[Encoded]:
    read = rows.of(row, options)
    return [] if read.faults or read.ignored else [encode(event) for event in read.events]


def compare(table: Sequence[Mapping[str, str]], mapped: Mapped) -> list[bool]:
    """Return which rows of *table* are read at once, after a comparison with `rows`."""
    options = ReadOptions(LATEST, mapped)
    block = [rows.Row("h", line, values) for line, values in enumerate(table, 2)]
    found = row_blocks.of(block, options)
    for row, event in zip(block, found, strict=True):
        if event is not None:
            (same,) = one_by_one(row, options)
            assert (list(event.values.items()), event[1:]) == (list(same.values.items()), same[1:])
    return [event is not None for event in found]


@pytest.mark.parametrize("mapped", MAPPED)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_one_odd_value_is_read_as_rows_reads_it(kind: Kind, mapped: Mapped) -> None:
    """A row with any one value changed is left, or is the same event as that of `rows`."""
    row = usual(kind.word)
    for name, text in CHANGES:
        read = compare([row, {**row, name: text}, row], mapped)
        assert read[0] == read[2]
        if mapped == MAPPED[0]:
            assert read[0]


@settings(deadline=None, max_examples=examples(400))
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.lists(st.sampled_from(CHANGES), max_size=3)), max_size=9),
    st.sampled_from(MAPPED),
)
def test_a_block_of_rows_gives_the_events_of_its_rows(
    made: list[tuple[Kind, list[tuple[str, str]]]], mapped: Mapped
) -> None:
    """The same holds for several changes in rows of several kinds."""
    compare([{**usual(kind.word), **dict(changes)} for kind, changes in made], mapped)


def test_usual_rows_are_read_at_once() -> None:
    """Of a usual file, no row is left; what is unusual of one row leaves that row alone."""
    made = list(making.rows(1000))
    text = io.StringIO()
    writer = csv.DictWriter(text, making.COLUMNS, restval="")
    writer.writeheader()
    writer.writerows([*made, {**made[0], "time": "2025-03-04 08:55:12Z"}, {**made[0], "branch": "grün"}])
    lines = text.getvalue().encode().splitlines(keepends=True)
    options = ReadOptions(LATEST.replace(year=2027))

    header, *block = formats.items(formats.CSV, lines, "h", options.mapped)

    assert isinstance(header, formats.Header)
    found = row_blocks.of(block, options)
    assert None not in found[:-2]
    assert found[-2:] == [None, None]
    assert row_blocks.of([header, formats.Bad(None, b""), *block[:1]], options) == [None, None, found[0]]


def test_rows_of_json_are_left() -> None:
    """A row with names of its own is read by itself."""
    (row,) = making.rows(1)
    assert row_blocks.of([rows.Row("h", 1, row, strays=True)], ReadOptions(LATEST)) == [None]
