"""The dashboard of figures: its queries, run as Grafana runs them, against a server with a known history."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import jq
import pytest
from gitdailies_connection.config.sections.settings import TeamSettings

from tests.deployment.test_grafana import BOARDS, panels
from tests.support.dora.running import Receiver, in_thread
from tests.support.figures.asking import worked
from tests.support.figures.worked.expected import QUESTIONS

# A variable holds a piece of the address, such as `&repo=larkspur%2Fshop`; for all of them it is `&`.
ALL = "&"


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, str]]:
    """The DORA server with the history that was worked by hand, and a key that may only read."""
    teams = (TeamSettings("shop", "Shop", ("larkspur/shop",)),)
    with in_thread(tmp_path_factory.mktemp("grafana") / "w.db", teams=teams) as running:
        assert running.post(running.key("ci"), worked()).status_code == 202
        yield running, running.key("grafana", "read")


def rows(receiver: tuple[Receiver, str], query: dict[str, Any], **variables: str) -> list[dict[str, Any]]:
    """Run a query as Infinity does: the address with its variables, then the jq program."""
    running, key = receiver
    now = QUESTIONS["shop"]["now"]
    values = {
        "__from:date:iso": "2026-01-01T00:00:00.000Z",
        "__to:date:iso": now.replace("Z", ".000Z"),
        "interval": "week",
        "team": ALL,
        "repo": ALL,
        "environment": ALL,
        **variables,
    }
    address = re.sub(r"\$\{([^}]+)\}", lambda match: values[match[1]], query["url"])
    answer = running.get(key, address)
    assert answer.status_code == 200, (address, answer.text)
    found: list[dict[str, Any]] = jq.compile(query["root_selector"]).input_value(answer.json()).first()
    return found


def queries() -> list[Any]:
    board = BOARDS["figures"]
    shown = [
        pytest.param(target, id=panel["title"]) for panel in panels(board) for target in panel["targets"]
    ]
    asked = [
        pytest.param(variable["query"]["infinityQuery"], id=f"variable {variable['name']}")
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    ]
    marked = [
        pytest.param(annotation["target"], id=f"marks of {annotation['name']}")
        for annotation in board["annotations"]["list"]
    ]
    return [*shown, *asked, *marked]


@pytest.mark.parametrize("query", queries())
def test_every_field_is_in_the_answer(receiver: tuple[Receiver, str], query: dict[str, Any]) -> None:
    """Each query is answered; its rows have its columns, and no column is empty in all of them."""
    found = rows(receiver, query)
    assert found
    for column in query["columns"]:
        name, values = column["selector"], [row[column["selector"]] for row in found]
        given = [value for value in values if value is not None]
        assert given, name
        expected = (int, float) if column["type"] == "number" else str
        assert all(isinstance(value, expected) for value in given), name


def test_choices_filter(receiver: tuple[Receiver, str]) -> None:
    """Each choice of a variable is a piece of the address that is answered, and "All" leaves nothing out."""
    board = BOARDS["figures"]
    table = next(panel["targets"][0] for panel in panels(board) if panel["type"] == "table")
    everything = {row["Repository"] for row in rows(receiver, table)}
    variables = {one["name"]: one for one in board["templating"]["list"] if one["type"] == "query"}
    for name in ("team", "repo", "environment"):
        choices = rows(receiver, variables[name]["query"]["infinityQuery"])
        assert choices[0]["__value"] == variables[name]["current"]["value"] == ALL
        assert len(choices) > 1
        for choice in choices:
            found = rows(receiver, table, **{name: choice["__value"]})
            if name == "repo" and choice["__value"] != ALL:
                assert {row["Repository"] for row in found} == {choice["__text"]}
                assert choice["__text"] in unquote(choice["__value"])
            assert {row["Repository"] for row in found} <= everything
