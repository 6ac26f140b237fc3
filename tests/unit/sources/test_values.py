"""Values, times, conditions and tables: what they read, and what counts as nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.request import Request
from gitdailies_sources.language import times, values
from gitdailies_sources.language.faults import Faults
from gitdailies_sources.language.nothing import is_nothing
from gitdailies_sources.language.scope import Scope

RECEIVED = datetime(2026, 3, 4, 10, 0, 30, tzinfo=UTC)
VALUES = yaml.safe_load((Path(__file__).parent / "values.yaml").read_text("utf-8"))
BODY: dict[str, Any] = VALUES["body"]


def scope(body: Any = BODY) -> Scope:
    return Scope.of(Request.make(headers={}, body=json.dumps(body).encode(), received_at=RECEIVED))


def value(given: Any) -> values.Value:
    faults = Faults()
    compiled = values.compiled(given, (), faults)
    assert faults == {}
    return compiled


@pytest.mark.parametrize(("given", "texts"), VALUES["values"])
def test_a_value_reads_its_texts(given: Any, texts: list[str]) -> None:
    """Each form of a value gives every text once, in order; what says nothing is absent."""
    assert value(given).texts(scope()) == texts


@pytest.mark.parametrize("nothing", VALUES["nothing"])
def test_what_tools_send_for_no_value_is_nothing(nothing: Any) -> None:
    """Empty values, words for none, zero times and macros that no template replaced say nothing."""
    assert is_nothing(nothing)


@pytest.mark.parametrize("something", VALUES["something"])
def test_what_looks_like_it_says_something(something: Any) -> None:
    """Zero, false and texts that only begin like a macro are values."""
    assert not is_nothing(something)


def moment(given: Any) -> times.Moment | None:
    faults = Faults()
    compiled = times.compiled(given, (), faults)
    assert faults == {}
    return compiled.read(scope())


AT = datetime(2026, 3, 4, 9, 12, 41, 318000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("at", AT),
        ("millis", AT),
        (
            {"path": "local", "format": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin"},
            AT.replace(microsecond=0),
        ),
        ({"path": "bare", "zone": "Europe/Berlin"}, AT.replace(microsecond=0)),
        ({"path": "at", "zone": "Europe/Berlin"}, AT),
        ({"first_of": ["missing", "zero", "open_end", "year_one", "at"]}, AT),
        ("zero", None),
        ("open_end", None),
        ("year_one", None),
        ("missing", None),
    ],
)
def test_a_time_is_read_leniently(given: Any, at: datetime | None) -> None:
    """Times with a zone, numbers and named formats are read; a time that is not set is none."""
    found = moment(given)
    assert (found.at if found else None) == at


def test_received_is_the_last_resort_and_is_marked() -> None:
    """A time of receipt says that it is one."""
    assert moment({"first_of": ["missing", "received"]}) == times.Moment(RECEIVED, at_receipt=True)


def test_a_time_that_cannot_be_read_names_its_path_and_what_it_found() -> None:
    """It is no reason to take another time."""
    with pytest.raises(PayloadError, match=r"wrong: expected .* got 'yesterday'"):
        moment({"first_of": ["wrong", "received"]})


@pytest.mark.parametrize(("condition", "holds"), VALUES["conditions"])
def test_a_condition_holds_if_all_its_paths_do(condition: Any, holds: bool) -> None:
    """Texts are compared without case, globs and lists are allowed, and nothing equals no text."""
    faults = Faults()
    assert values.any_of(condition, (), faults)(scope()) is holds
    assert faults == {}


def test_an_exact_word_of_a_table_goes_before_a_glob() -> None:
    """Words are looked up without case and outer spaces."""
    table = values.Table({"incident.*": "any", "Incident.Created": "started", "*.end": "end"})
    assert [table.get(word) for word in (" INCIDENT.CREATED ", "incident.x", "a.end", "other")] == [
        "started",
        "any",
        "end",
        None,
    ]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (True, "put it in quotes"),
        (None, "put it in quotes"),
        (["a", "b"], "first_of"),
        ({"map": {"a": "b"}}, "without path"),
        ("${a", "expected } for {"),
    ],
)
def test_a_wrong_value_says_the_remedy(given: Any, named: str) -> None:
    """A fault has its place, and what to write."""
    faults = Faults()
    values.compiled(given, ("messages", "incident", "title"), faults)
    assert named in faults["messages", "incident", "title"]
