"""Format a fault in a file: `FILE:LINE: path: expected X, got Y`, with the most similar valid name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gitdailies_core.errors import ConfigurationError

Place = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class FileFault:
    """A fault: its line, the path of the setting, and `expected X, got Y`."""

    line: int
    place: str
    text: str


def configuration_error(file: str, faults: Iterable[FileFault]) -> ConfigurationError:
    """Return the error that lists all *faults* of *file*, by line, each once."""
    return ConfigurationError(*(f"{file}:{one.line}: {one.place}: {one.text}" for one in sorted(set(faults))))


def setting_name(place: Place) -> str:
    """Format a path as `sources.pagerduty.secrets[0]`; the empty path is `top level`."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[\w-]{1,80}", step, re.ASCII):
            text += f".{step}" if text else step
        else:
            text += f"[{step if len(step) <= 80 else step[:80] + '…'!a}]"
    return text or "top level"
