"""Log lines for people, and the description of an error: our own text, else the type and the places."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from gitdailies_core.errors import UsageError
from gitdailies_server.logging.setup import describe_error, text_line
from gitdailies_server.storage.timestamps import to_us

HIDDEN = "what stood in the body"


def description_of(function: Callable[..., Any], *given: Any) -> str:
    """Return the log's description of the error that a call raises."""
    try:
        function(*given)
    except Exception as error:
        return describe_error(error)
    raise AssertionError("expected an error, got none")


def test_our_own_errors_are_logged_in_full() -> None:
    """The description of an error of ours is its whole text."""
    assert (
        describe_error(UsageError("window: expected hours, got days")) == "window: expected hours, got days"
    )


def test_other_errors_are_logged_with_their_places_and_no_text() -> None:
    """For other errors, the line has the type and the places, with folders for our files."""

    def broken(_: str) -> None:
        raise ValueError(HIDDEN)

    assert re.fullmatch(r"ValueError at test_logs\.py:\d+", description_of(broken, HIDDEN))
    assert re.fullmatch(
        r"TypeError at gitdailies_server/storage/timestamps\.py:\d+", description_of(to_us, HIDDEN)
    )


def test_what_calls_itself_floods_no_line() -> None:
    """For a recursion of a thousand places only the innermost are logged."""
    ours: dict[str, Any] = {"__name__": "gitdailies_server.again"}
    exec("def again(): again()", ours)
    described = description_of(ours["again"])
    assert described.startswith("RecursionError at ")
    assert 10 < described.count(" by ") < 50
    assert len(described) < 1000


def test_a_line_for_people_has_the_time_the_event_and_its_fields() -> None:
    """Info has no mark, other levels have; why comes first; empty fields are left out; lists have commas."""
    line = text_line(
        None, "info", {"event": "delivery", "source": "pagerduty", "events": ("a", "b"), "to": ""}
    )
    warning = text_line(None, "warning", {"event": "refused", "count": 3, "reason": "wrong key"})

    assert re.fullmatch(rb"\d\d:\d\d:\d\d  delivery  source=pagerduty  events=a,b", line)
    assert warning[8:] == b'  warning: refused  reason="wrong key"  count=3'


def test_a_line_for_people_can_be_neither_forged_nor_made_long() -> None:
    """Control characters and what looks like a field stay inside quotes; keys are hidden; values are cut."""
    hostile = "\x1b[2J\nlevel=info  key=gdk_0123456789abcdef " + "x" * 5000
    line = text_line(None, "info", {"event": hostile, "path": hostile, "nested": {"a": hostile}})

    assert line.isascii()
    assert line.decode().isprintable()
    assert b"0123456789abcdef" not in line
    assert len(line) < 2000
    assert json.loads(line.decode().split("path=")[1].split("  nested=")[0]).startswith("\x1b[2J\n")
