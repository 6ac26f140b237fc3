"""Values, times, conditions and tables: what they read, and what counts as nothing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.request import Request
from gitdailies_sources.language import times, values
from gitdailies_sources.language.faults import Faults
from gitdailies_sources.language.nothing import is_nothing
from gitdailies_sources.language.scope import Scope

RECEIVED = datetime(2026, 3, 4, 10, 0, 30, tzinfo=UTC)
SHA = "5c634cc3313afcc0490256db8ddd0358238a0d9e"
BODY: dict[str, Any] = {
    "repository": {"full_name": "larkspur/checkout-api"},
    "number": 347,
    "ratio": 1.5,
    "count": 2.0,
    "yes": True,
    "title": " Checkout returns 502 ",
    "macro": "{EVENT.RECOVERY.DATE} {EVENT.RECOVERY.TIME}",
    "tags": ["team:payments", "service:checkout-api", "env: prod", "loose"],
    "listed": "a:1, service:ledger-worker",
    "url": "https://larkspur.example/runs/77/",
    "message": f"Deploy of rel-{SHA} done",
    "tier": "prod-eu",
    "systems": ["checkout-api", "ledger-worker", None, "checkout-api"],
    "at": "2026-03-04T09:12:41.318Z",
    "local": "04.03.2026 10:12:41",
    "bare": "2026-03-04 10:12:41",
    "millis": 1772615561318,
    "zero": 0,
    "open_end": -1,
    "year_one": "0001-01-01T00:00:00Z",
    "job": "job/job/job/a/job/feature%252Fx/",
    "wrong": "yesterday",
}


def scope(body: Any = BODY) -> Scope:
    return Scope.of(Request.make(headers={}, body=json.dumps(body).encode(), received_at=RECEIVED))


def value(given: Any) -> values.Value:
    faults = Faults()
    compiled = values.compiled(given, (), faults)
    assert faults == {}
    return compiled


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("number", ["347"]),
        ("ratio", ["1.5"]),
        ("count", ["2"]),
        ("yes", ["true"]),
        ("title", ["Checkout returns 502"]),
        ("macro", []),
        ("systems", ["checkout-api", "ledger-worker"]),
        ("repository", []),
        ("${repository.full_name}#${number}", ["larkspur/checkout-api#347"]),
        ("${repository.full_name}#${missing}", []),
        ({"first_of": ["missing", "macro", "number", "title"]}, ["347"]),
        ({"text": "production"}, ["production"]),
        ({"path": "tier", "map": {"prod-*": "production"}}, ["production"]),
        ({"path": "number", "map": {"1": "one"}, "otherwise": "many"}, ["many"]),
        ({"path": "number", "map": {"1": "one"}, "otherwise": "same"}, ["347"]),
        ({"path": "number", "map": {"1": "one"}}, []),
        ({"path": "missing", "map": {"1": "one"}, "otherwise": "many"}, []),
        ({"path": "tags", "prefix": "service:"}, ["checkout-api"]),
        ({"path": "tags", "prefix": "ENV:"}, ["prod"]),
        ({"path": "listed", "prefix": "service:"}, ["ledger-worker"]),
        ({"path": "url", "last_part": "/"}, ["77"]),
        ({"path": "job", "after": "job"}, ["job", "a", "feature%2Fx"]),
        ({"join": [{"path": "job", "after": "job"}], "with": "/"}, ["job/a/feature%2Fx"]),
        (
            {"join": [{"text": "jenkins"}, {"path": "job", "after": "job"}, "number"], "with": "-"},
            ["jenkins-job-a-feature%2Fx-347"],
        ),
        ({"join": ["number", "missing"], "with": "-"}, []),
        ({"path": "missing", "after": "job"}, []),
        ({"commit": "message"}, [SHA]),
        ({"commit": "title"}, []),
        ({"when": {"yes": True}, "then": "number"}, ["347"]),
        ({"when": {"yes": False}, "then": "number"}, []),
    ],
)
def test_a_value_reads_its_texts(given: Any, texts: list[str]) -> None:
    """Each form of a value gives every text once, in order; what says nothing is absent."""
    assert value(given).texts(scope()) == texts


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        "",
        "  ",
        "null",
        "N/A",
        "None",
        "<no value>",
        "{EVENT.RECOVERY.DATE}",
        "*alertDuration*",
        "$HOSTNAME",
        "{{ labels.env }}",
        "%service%",
        "0001-01-01T00:00:00Z",
        [],
        {},
    ],
)
def test_what_tools_send_for_no_value_is_nothing(nothing: Any) -> None:
    """Empty values, words for none, zero times and macros that no template replaced say nothing."""
    assert is_nothing(nothing)


@pytest.mark.parametrize(
    "something", [0, False, "none of these", "$5 a day", "*", "{a}", "100%", "nullable", "no"]
)
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


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"title": "checkout returns 502"}, True),
        ({"title": "Checkout*"}, True),
        ({"title": "*502"}, True),
        ({"title": "*50*0*"}, False),
        ({"number": 347}, True),
        ({"number": "347"}, True),
        ({"yes": True}, True),
        ({"yes": "TRUE"}, True),
        ({"yes": False}, False),
        ({"systems": ["x", "ledger-*"]}, True),
        ({"macro": "present"}, False),
        ({"macro": "absent"}, True),
        ({"number": "present", "missing": "absent"}, True),
        ({"number": "present", "missing": "present"}, False),
        ({"number": {"not": [1, 2]}}, True),
        ({"missing": {"not": "x"}}, True),
        ({"tier": {"not": "prod-*"}}, False),
        ({"count": {"same_as": "count"}}, True),
        ({"count": {"same_as": "number"}}, False),
        ({"message": {"holds": "commit"}}, True),
        ({"title": {"holds": "commit"}}, False),
        ({"${repository.full_name}#${number}": "larkspur/*#347"}, True),
    ],
)
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
