"""Each number of the figures has one name in everything that a user reads."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jq
import msgspec
import numpy as np
from gitdailies_dora.api.gauges import as_gauges, series_as_gauges
from gitdailies_dora.api.openapi import document
from gitdailies_dora.figures.answers.chance import Pools
from gitdailies_dora.figures.answers.numbers import FIGURES, each_number
from gitdailies_dora.figures.answers.report import (
    FiguresAnswer,
    FiguresFilter,
    FiguresPeriod,
    SeriesAnswer,
    SeriesBucket,
    SeriesFilter,
    SeriesGroup,
)
from gitdailies_dora.figures.answers.rolling import rolling_of
from gitdailies_dora.figures.answers.tally import Tally, figures_of
from gitdailies_dora.pages.overview.formats import as_csv, series_as_csv
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "deployment/grafana/dashboards/figures.json"
FIGURES_PAGE = ROOT / "docs/figures.md"

# The names, as the definitions have them.
NAMES = {
    "deploymentFrequency": "value deploys days since gaps.median gaps.p90 gaps.count",
    "changeLeadTime": "median p25 p75 p90 commits unknownCommits unknownDeploys nothingNew",
    "changeFailRate": (
        "value failed settled interval.low interval.high range.low range.high byChance evidence.named"
        " evidence.corrected evidence.remedied evidence.time pending failedPending unlinked attributedIn72h"
    ),
    "failedDeploymentRecoveryTime": (
        "median p90 recovered open byRemedy.median byRemedy.p90 byRemedy.count withoutIncident"
    ),
    "deploymentReworkRate": "value rework deploys inferred range.low range.high interval.low interval.high",
}
ALL = {(figure, field) for figure, fields in NAMES.items() for field in fields.split()}

TIME = "2026-03-01T00:00:00Z"
ONE = np.array([60_000_000, 120_000_000])
ONE_TARGET = np.array([9.0])
FOUND = figures_of(
    Tally(deploys=9, times=np.arange(9), lead_times=ONE, evidence=(2, 0, 0, 0), recoveries=ONE, remedied=ONE),
    9.0,
    TIME,
    Pools(ONE_TARGET, ONE_TARGET, ONE_TARGET, np.zeros(1), np.array([[2.0]]), np.array([[1.0]])),
)
(ROLLED,) = rolling_of([Tally(deploys=9, lead_times=ONE, recoveries=ONE)], [TIME])
ANSWER = FiguresAnswer(
    "2026-1",
    FiguresPeriod(TIME, None, TIME, TIME, 9.0, "UTC"),
    FiguresFilter("a/b", "production", None, None),
    TIME,
    86_400.0,
    FOUND,
)
BUCKET = SeriesBucket(**structs.asdict(FOUND), from_=TIME, to=TIME, whole=True, rolling=ROLLED)
SERIES = SeriesAnswer(
    definitions="2026-1",
    as_of=TIME,
    timezone="UTC",
    window_seconds=86_400.0,
    by=("repo",),
    interval="week",
    rolling="4w",
    from_=TIME,
    to=None,
    now=TIME,
    before=None,
    confidence=None,
    filter=SeriesFilter((), (), (), ()),
    groups=(SeriesGroup({"repo": "a/b"}, FOUND, None, None, (BUCKET,)),),
    next=None,
)


def leaves(figures: dict[str, Any]) -> set[tuple[str, str]]:
    """The names of all numbers of an object with figures."""

    def of(value: dict[str, Any], before: str = "") -> Iterator[str]:
        for name, inner in value.items():
            if isinstance(inner, dict):
                yield from of(inner, f"{before}{name}.")
            else:
                yield before + name

    return {(figure, name) for figure in FIGURES if figure in figures for name in of(figures[figure])}


def test_json_has_the_names_of_the_definitions() -> None:
    """Both answers have these names and no others; rolling values and buckets have some of them."""
    (group,) = msgspec.to_builtins(SERIES)["groups"]
    assert leaves(msgspec.to_builtins(ANSWER)["figures"]) == ALL
    assert leaves(group["total"]) == leaves(group["buckets"][0]) == ALL
    assert leaves(group["buckets"][0]["rolling"]) < ALL


def test_csv_has_the_same_names() -> None:
    """The rows of both forms name figure and field as JSON does."""
    for text in (as_csv(ANSWER), series_as_csv(SERIES)):
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {(row["figure"], row["field"]) for row in rows if row["span"] != "rolling"} == ALL
        assert {(row["figure"], row["field"]) for row in rows} == ALL


def test_prometheus_has_them_in_snake_case() -> None:
    """A gauge is named by figure and field, with small letters and low lines, and a unit of seconds."""
    numbers = {
        (figure, field): value for figure, field, value, _ in each_number(FOUND) if not isinstance(value, str)
    }
    for text, prefix in ((as_gauges(ANSWER), "gitdailies_"), (series_as_gauges(SERIES), "gitdailies_group_")):
        found = {
            sample.name.removeprefix(prefix).removesuffix("_seconds")
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if "repo" in sample.labels
        }
        snake = {
            re.sub("(?=[A-Z])", "_", f"{figure}_{field}".replace(".", "_")).lower()
            for figure, field in numbers
        }
        assert found == snake


def test_openapi_has_the_same_names() -> None:
    """The schema of each figure has the names, required, and no others."""
    components = document()["components"]["schemas"]

    def names(schema: dict[str, Any]) -> Iterator[str]:
        assert set(schema["required"]) == set(schema["properties"])
        for name, inner in schema["properties"].items():
            if "$ref" in inner:
                of = components[inner["$ref"].rpartition("/")[2]]
                yield from (f"{name}.{field}" for field in names(of))
            else:
                yield name

    whole = {tuple(name.split(".", 1)) for name in names(components["Figures"])}
    assert whole == ALL


def test_the_board_reads_numbers_that_are_there() -> None:
    """Every query of Grafana's board finds what it names in an answer."""
    text = BOARD.read_text()
    answer = msgspec.to_builtins(SERIES)
    found = set()
    for query in re.findall(r'"root_selector": ("(?:\\.|[^"\\])*")', text):
        selector = json.loads(query)
        if ".groups[].buckets[]" not in selector and ".groups[] |" not in selector:
            continue
        used = re.findall(r"\.(?:total\.)?([a-z]\w*[A-Z]\w*)\.([\w.]+)", selector)
        assert used, selector
        found |= set(used)
        (row,) = jq.compile(selector).input_value(answer).first()
        assert None not in {row[name] for name in row if name != "Team"}
    assert found <= ALL
    assert {figure for figure, _ in found} == set(FIGURES)


def test_the_page_of_figures_lists_every_name() -> None:
    """The table of names has each figure with its numbers."""
    table = FIGURES_PAGE.read_text().partition("### Names of numbers")[2].partition("\n### ")[0]
    for figure, fields in NAMES.items():
        (row,) = re.findall(rf"^\| `{figure}` \| (.*) \|$", table, re.MULTILINE)
        words = set(re.findall(r"`(\w+)`", row))
        assert words == {part for field in fields.split() for part in field.split(".")}, figure
