"""The dashboards for Grafana: of the published form, and about what is exposed and answered."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as published

from tests.deployment.test_alerts import exposed, texts

__all__ = ["exposed", "texts"]

FOLDER = Path(__file__).resolve().parents[2] / "deployment/grafana"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
BOARDS = {file.stem: json.loads(file.read_text()) for file in FILES}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("name", BOARDS)
def test_the_form_is_the_published_one(name: str) -> None:
    """Grafana's own SDK reads each dashboard, and writes every field and value again."""
    board = BOARDS[name]
    again = json.loads(json.dumps(published.Dashboard.from_json(board), cls=JSONEncoder))
    assert list(lost(board, again, ())) == []


def lost(value: Any, again: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the places where a part of *value* is not in *again*."""
    if isinstance(value, dict):
        for key, inner in value.items():
            # The model knows marks of Grafana alone. Those of another source have the form of its queries.
            if path[:1] == ("annotations",) and key == "target":
                continue
            if not isinstance(again, dict) or key not in again:
                yield "/".join((*path, key))
            else:
                yield from lost(inner, again[key], (*path, key))
    elif isinstance(value, list):
        if not isinstance(again, list) or len(again) != len(value):
            yield "/".join(path)
        else:
            for number, (one, other) in enumerate(zip(value, again, strict=True)):
                yield from lost(one, other, (*path, str(number)))
    elif value != again:
        yield "/".join(path)


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_place_and_says_what_it_shows(name: str) -> None:
    """Panels have ids, titles, descriptions, units and queries, and none covers another."""
    board = BOARDS[name]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) > 5
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["targets"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_asks_the_chosen_source(name: str) -> None:
    """No query names a data source of one installation, and every variable in it exists."""
    board = BOARDS[name]
    variables = {variable["name"] for variable in board["templating"]["list"]}
    first = board["templating"]["list"][0]
    assert (first["type"], first["name"]) == ("datasource", "source")
    for part in [*panels(board), *(t for panel in panels(board) for t in panel["targets"])]:
        assert part["datasource"] == {"type": first["query"], "uid": "${source}"}
    for used in re.findall(r"\$\{?(\w+)", json.dumps(board)):
        assert used in variables or used.startswith("__"), used


def test_operators_see_what_is_exposed(exposed: dict[str, tuple[str, set[str]]]) -> None:
    """Each metric, and each label by which it is grouped, is one of a running relay or receiver."""
    expressions = [target["expr"] for panel in panels(BOARDS["operators"]) for target in panel["targets"]]
    assert len(expressions) > 25
    for expression in expressions:
        names = re.findall(r"(?:gitdailies|process)_\w+", expression)
        assert names, expression
        labels = {"instance"}
        for metric in names:
            family = metric.removesuffix("_bucket")
            assert family in exposed, metric
            assert metric.endswith("_bucket") == (exposed[family][0] == "histogram")
            assert metric.endswith("_total") == (exposed[family][0] == "counter")
            assert ("rate(" in expression) == (exposed[family][0] != "gauge") or "sum(" in expression
            labels |= exposed[family][1] | ({"le"} if metric.endswith("_bucket") else set())
        grouped = {
            one.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for one in group.split(",")
        }
        assert grouped <= labels, expression
    asked = " ".join(expressions)
    left_out = {name for name in exposed if name.startswith("gitdailies_") and name not in asked}
    assert len(left_out) < len(exposed) / 2


def test_the_provisioning_files_fit_together() -> None:
    """The data sources have the types of the dashboards and no secret; the guide names the folder."""
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/gitdailies.yml").read_text())
    providers = yaml.safe_load((FOLDER / "provisioning/dashboards/gitdailies.yml").read_text())
    assert (sources["apiVersion"], providers["apiVersion"]) == (1, 1)
    types = {source["type"] for source in sources["datasources"]}
    assert types == {board["templating"]["list"][0]["query"] for board in BOARDS.values()}
    infinity = next(one for one in sources["datasources"] if "infinity" in one["type"])
    assert infinity["jsonData"]["auth_method"] == "bearerToken"
    assert all(value.startswith("$") for value in infinity["secureJsonData"].values())
    assert (
        providers["providers"][0]["options"]["path"] in (FOLDER.parents[1] / "docs/do/grafana.md").read_text()
    )
