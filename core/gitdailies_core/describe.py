"""How a wrong value is named in a message: its type and a short, harmless excerpt."""

from __future__ import annotations

from typing import Any

_LONGEST = 60


def got(value: Any) -> str:
    """Name *value* for the right half of `expected, got`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        text = repr(value)
        return text if len(text) <= _LONGEST else "a number of " + str(len(text)) + " digits"
    if isinstance(value, str):
        # repr escapes control characters, so a value cannot forge a log line; ascii because
        # a lone surrogate in a message would break whatever prints it.
        return ascii(value if len(value) <= _LONGEST else value[:_LONGEST] + "…")
    if isinstance(value, (list, tuple)):
        return "a list of " + str(len(value))
    if isinstance(value, dict):
        return "an object"
    return type(value).__name__
