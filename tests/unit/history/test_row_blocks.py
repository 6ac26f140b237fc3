"""Rows that are read many at once: the same events as those that are read one by one."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from gitdailies_core.events.events import KINDS
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
# For each form, texts that are taken as they are, are changed, and are refused.
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
ODD = [
    "",
    " ",
    "a",
    " a",
    "a/b",
    "A/b",
    "ä/b",
    "a\x7fb",
    "a\tb",
    "a\u200bb",
    "\ud800",
    "x" * 256,
    "[]",
    '"\\',
]
USUAL = {
    "kind": [kind.word for kind in KINDS],
    "repo": ["a/b", "larkspur/checkout-api"],
    "commitSHA": [SHA, SHA.upper(), SHA[:6], SHA[:7], SHA + SHA],
    "causedBy": [SHA, "none", "NONE"],
    "time": TIMES,
    "commitTime": TIMES,
    "type": ["rollback", "canary"],
    "tier": ["staging"],
    "url": ["https://example.com/1", "example.com"],
    "commits": [f'[{{"sha": "{SHA}"}}]', "[1]"],
    "incidentId": ["INC-7", "INC-8"],
}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, str]]:
    """Draw rows with the same columns: most of their values are usual for the column."""
    others = draw(st.sets(st.sampled_from(COLUMNS)))
    names = [
        name
        for name in COLUMNS
        if name in ("kind", "repo", "commitSHA", "time", "incidentId") or name in others
    ]
    cells = {
        name: st.sampled_from([*USUAL.get(name, ["a"])[:2] * 20, *USUAL.get(name, ()), *ODD])
        for name in names
    }
    return draw(st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=12))


def one_by_one(row: rows.Row, options: ReadOptions) -> list[Encoded]:
    read = rows.of(row, options)
    return [] if read.faults or read.ignored else [encode(event) for event in read.events]


@settings(deadline=None, max_examples=examples(400))
@given(tables(), st.sampled_from(MAPPED))
def test_a_block_of_rows_gives_the_events_of_its_rows(table: list[dict[str, str]], mapped: Mapped) -> None:
    """What is read at once, `rows` reads as the same one event, without a fault."""
    options = ReadOptions(LATEST, mapped)
    block = [rows.Row("h", line, values) for line, values in enumerate(table, 2)]

    for row, event in zip(block, row_blocks.of(block, options), strict=True):
        if event is not None:
            (same,) = one_by_one(row, options)
            assert (list(event.values.items()), event[1:]) == (list(same.values.items()), same[1:])


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
