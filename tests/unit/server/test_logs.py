"""The description of an error in the log: the text of our own errors, else the type and the places."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gitdailies_core.errors import UsageError
from gitdailies_server.logging.setup import describe_error
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
