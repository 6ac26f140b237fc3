"""Events: accepted bodies, refused bodies with their messages, and the fields of an event."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED, KINDS, Event, kind_of

DEPLOY = {"kind": DEPLOYED, "repo": "larkspur/checkout-api", "commitSHA": "4F0C2D6"}
# Whole bodies, and changes of the deploy above, with what is said of each.
REFUSED = json.loads((Path(__file__).parent / "data/refused_events.json").read_text("utf-8"))


def refusal(body: Any) -> str:
    with pytest.raises(InvalidEvent) as refused:
        Event.from_wire(body)
    assert str(refused.value).startswith(refused.value.field)
    return str(refused.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_every_example_is_taken(kind: Any) -> None:
    """The example of a kind is an event of that kind and is written unchanged."""
    event = Event.from_wire(dict(kind.example))

    assert event.to_wire() == dict(kind.example)
    assert not event.extra


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_required_fields_are_required(kind: Any) -> None:
    """A required field that is absent, null or empty is refused by name."""
    for field in kind.fields:
        if field.required:
            absent = {name: value for name, value in kind.example.items() if name != field.name}

            assert refusal(absent) == f"{field.name}: expected {field.type.expected}, got nothing"
            assert refusal({**absent, field.name: None}).endswith(", got null")
            assert refusal({**absent, field.name: ""}).endswith(", got ''")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)
def test_optional_fields_may_be_left_out(kind: Any) -> None:
    """An optional field that is null or empty is one that was not given."""
    for field in kind.fields:
        if not field.required:
            without = Event.from_wire({n: v for n, v in kind.example.items() if n != field.name})

            for nothing in (None, ""):
                assert Event.from_wire({**kind.example, field.name: nothing}) == without
            assert without.get(field.name) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        *((one.get("body", {**DEPLOY, **one.get("changed", {})}), one["says"]) for one in REFUSED),
        (
            {**DEPLOY, "branch": "b" * 256},
            "branch: expected text on one line, got 256 characters, 255 are allowed",
        ),
    ],
)
def test_a_refusal_names_field_expectation_and_value(body: Any, message: str) -> None:
    """One wording for one mistake, with the name of the field at fault."""
    assert refusal(body) == message


def test_every_fault_is_named_at_once() -> None:
    """An event with several faults is one error with all of them, in the order of the fields."""
    with pytest.raises(InvalidEvent) as caught:
        Event.from_wire({"kind": "deployed", "commitSHA": "v1", "time": "yesterday"})

    assert [fault.field for fault in caught.value.faults] == ["repo", "commitSHA", "time"]
    assert str(caught.value) == "; ".join(map(str, caught.value.faults))
    assert caught.value.field == "repo"
    assert str(caught.value.faults[1]) == "commitSHA: expected 7 to 64 hexadecimal digits, got 'v1'"


def test_values_are_written_one_way() -> None:
    """Commits are in lower case and times in UTC, however they came."""
    event = Event.from_wire(
        {
            **DEPLOY,
            "time": "2026-03-04T10:12:41.5+01:00",
            "commits": [{"sha": "ABCDEF0", "time": "2026-03-04T09:00:00.000+00:00", "author": "x"}],
        }
    )

    assert event.get("commitSHA") == "4f0c2d6"
    assert event.get("time") == "2026-03-04T09:12:41.500Z"
    assert event.get("commits") == [{"sha": "abcdef0", "time": "2026-03-04T09:00:00Z"}]


def test_a_commit_keeps_its_parents_and_whether_it_is_outside() -> None:
    """Both are kept as they are, a root's empty list too; an attempt is text, however it came."""
    commits = [{"sha": "abcdef0", "parents": ["ABCDEF1"], "outside": True}, {"sha": "abcdef1", "parents": []}]
    event = Event.from_wire({**DEPLOY, "attempt": 3, "trigger": "push", "commits": commits})

    assert event.get("commits") == [
        {"sha": "abcdef0", "parents": ["abcdef1"], "outside": True},
        {"sha": "abcdef1", "parents": []},
    ]
    assert (event.get("attempt"), event.get("trigger")) == ("3", "push")


def test_times_may_be_datetimes() -> None:
    """`make` and `replace` write aware moments in UTC and refuse naive ones."""
    moment = datetime(2026, 3, 4, 10, tzinfo=timezone(timedelta(hours=1)))
    event = Event.make(DEPLOYED, repo="a/b", commitSHA="abcdef0", time=moment)

    assert event.get("time") == "2026-03-04T09:00:00Z"
    assert event.time == moment
    assert event.time.tzinfo == UTC
    assert event.replace(time=moment + timedelta(hours=1)).get("time") == "2026-03-04T10:00:00Z"
    with pytest.raises(ValueError, match="time: expected an aware time, got a naive one"):
        Event.make(DEPLOYED, repo="a/b", commitSHA="abcdef0", time=moment.replace(tzinfo=None))


def test_make_refuses_names_that_the_kind_does_not_have() -> None:
    """A misspelled field in code is a mistake, not an extra field."""
    with pytest.raises(
        InvalidEvent, match=r"^branche: expected one of repo, commitSHA, .*, got another name$"
    ):
        Event.make(DEPLOYED, repo="a/b", commitSHA="abcdef0", branche="main")


def test_unknown_fields_are_preserved() -> None:
    """A field that is not in the table is sent on, is not in `get`, and changes the digest."""
    event = Event.from_wire({**DEPLOY, "team": {"name": "web"}})

    assert event.extra == {"team": {"name": "web"}}
    assert event.get("team") is None
    assert event.to_wire()["team"] == {"name": "web"}
    assert event.replace(branch="main").extra == event.extra
    assert event.digest() != Event.from_wire(DEPLOY).digest()


def test_replace_takes_values_away() -> None:
    """None removes a value; a required one cannot be removed."""
    event = Event.from_wire({**DEPLOY, "branch": "main"})

    assert "branch" not in event.replace(branch=None).values
    with pytest.raises(InvalidEvent, match=r"^repo: expected a repository"):
        event.replace(repo=None)


def test_the_content_is_what_was_sent_in_any_order() -> None:
    """Two bodies with the same values have the same digest, others have not."""
    event = Event.from_wire(DEPLOY)

    assert event.digest() == Event.from_wire(dict(reversed(DEPLOY.items()))).digest()
    assert event.digest() != event.replace(branch="main").digest()
    assert event.digest() != Event.make(INCIDENT_STARTED, incidentId="A", repo="a/b").digest()


def test_the_wire_begins_with_the_kind_and_has_the_order_of_the_table() -> None:
    """Fields are written in one order, whatever order the body had."""
    event = Event.from_wire({"branch": "main", "x": 1, **dict(reversed(DEPLOY.items()))})

    assert list(event.to_wire()) == ["kind", "repo", "commitSHA", "branch", "x"]


def test_a_kind_finds_its_fields() -> None:
    """A field is found by its name on the wire, another name is not."""
    kind = kind_of(DEPLOYED)

    assert kind.field("commitSHA") == kind.fields[1]
    assert kind.field("sha") is None
    assert Event.from_wire(DEPLOY).id is None
