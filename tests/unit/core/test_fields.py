"""Typed reads of foreign JSON: a value, or an error that names its path."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from gitdailies_core.errors import PayloadError
from gitdailies_core.sources.fields import Fields

SEEN = datetime(2026, 3, 4, 9, 12, 41, tzinfo=UTC)
ODD: list[Any] = [None, True, 7, 1.5, "", " ", "x", [], ["x"], {}, {"a": 1}]


def event(value: Any) -> Fields:
    """The object `event` of a body, whose `x` is *value*."""
    return Fields({"event": {"x": value}}).object("event")


READS: dict[str, tuple[Callable[[Fields], Any], str, list[Any]]] = {
    "text": (lambda f: f.text("x"), "expected text", [7, "x"]),
    "optional_text": (lambda f: f.optional_text("x"), "expected text", [None, 7, "", " ", "x"]),
    "object": (lambda f: f.object("x"), "expected an object", [{}, {"a": 1}]),
    "optional_object": (lambda f: f.optional_object("x"), "expected an object", [None, {}, {"a": 1}]),
    "objects": (lambda f: f.objects("x"), "expected ", [None, []]),
    # A number is none of seconds or less since 1970.
    "time": (lambda f: f.time("x"), "expected ", []),
    "optional_time": (lambda f: f.optional_time("x"), "expected ", [None, "", " "]),
}


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("read", READS)
def test_a_read_gives_its_type_or_names_the_path(read: str, value: Any) -> None:
    """Each read takes the values of its type and refuses every other by path."""
    call, expected, takes = READS[read]

    if any(value is taken or (type(value) is type(taken) and value == taken) for taken in takes):
        call(event(value))
        return
    with pytest.raises(PayloadError) as refused:
        call(event(value))
    assert str(refused.value).startswith(
        f"event.x{'[0]' if value == ['x'] and read == 'objects' else ''}: {expected}"
    )


@pytest.mark.parametrize("read", ["text", "object", "time"])
def test_what_is_absent_is_refused_where_it_is_needed(read: str) -> None:
    """The error tells a missing name from one with the value null."""
    with pytest.raises(PayloadError, match=r"^x: expected .*, got nothing$"):
        READS[read][0](Fields({}))
    with pytest.raises(PayloadError, match=r"^x: expected .*, got null$"):
        READS[read][0](Fields({"x": None}))


def test_what_is_absent_is_none_where_it_is_not_needed() -> None:
    """An optional read of an absent name gives None and no error."""
    absent = Fields({})

    assert [READS[read][0](absent) for read in ("optional_text", "optional_object", "optional_time")] == [
        None
    ] * 3
    assert absent.objects("x") == []
    assert (absent.has("x"), event(None).has("x"), event("").has("x")) == (False, False, True)


def test_values_are_read() -> None:
    """Text stays unchanged, times become moments, and lists of objects have their order and paths."""
    assert event(" é ").text("x") == " é "
    assert event("2026-03-04T09:12:41Z").time("x") == SEEN
    assert event(1772615561000).time("x") == SEEN
    assert event("1772615561").time("x") == SEEN
    assert event({"y": [1]}).object("x").raw("y") == [1]
    assert [item.text("n") for item in event([{"n": "a"}, {"n": "b"}]).objects("x")] == ["a", "b"]
    assert event([{}, {}]).objects("x")[1].where("n") == "event.x[1].n"


@pytest.mark.parametrize("value", [12345, "12345", 12345.0])
def test_a_number_for_an_id_is_its_digits(value: Any) -> None:
    """An id in a template without quotes is the same id as with them."""
    assert event(value).text("x") == event(value).optional_text("x") == "12345"


@pytest.mark.parametrize("value", [True, 1.5, 2.0**60, float("nan"), float("inf")])
def test_what_has_no_clear_digits_is_no_text(value: Any) -> None:
    """A fraction, a number that may have lost digits, and a truth value are refused."""
    with pytest.raises(PayloadError, match=r"^event.x: expected text, got "):
        event(value).text("x")


def test_a_body_that_is_no_object_is_named_so() -> None:
    """At the top there is no path to name."""
    with pytest.raises(PayloadError, match=r"^body: expected an object, got a list of 0$"):
        Fields([])
