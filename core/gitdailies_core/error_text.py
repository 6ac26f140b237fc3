"""Text for error messages: a wrong value shown safely, and the name of the setting that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# How a fault says that a value is missing.
NOTHING = "nothing"
_LONGEST = 60
_MOST_BITS = 200  # as many as 60 digits hold; Python refuses to write out very long ones


def relabel(message: str, names: Mapping[str, str]) -> str:
    """Replace the place at the start of `where: expected, got`.

    *names* maps our name of a place to the name that the reader knows, such as a command-line option.
    """
    where, colon, rest = message.partition(": ")
    return f"{names.get(where, where)}{colon}{rest}"


def relabel_all(messages: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Replace the place at the start of each message, in the same way."""
    return tuple(relabel(message, names) for message in messages)


def got(value: Any) -> str:
    """Describe *value* for the right half of `expected, got`: one short line of printable ASCII."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # repr escapes control characters, so a value cannot forge a log line; ascii because
        # a lone surrogate in a message would break whatever prints it.
        return ascii(value if len(value) <= _LONGEST else value[:_LONGEST] + "\u2026")
    if isinstance(value, (list, tuple)):
        return "a list of " + str(len(value))
    if isinstance(value, dict):
        return "an object"
    return type(value).__name__


def got_of(values: Mapping[str, Any], name: str) -> str:
    """Describe the value under *name* like `got`. Where the name is missing, it is `nothing`."""
    return got(values[name]) if name in values else NOTHING
