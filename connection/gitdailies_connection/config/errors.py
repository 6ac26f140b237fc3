"""Format a fault in a file: `FILE:LINE: path: expected X, got Y`, with the most similar valid name."""

from __future__ import annotations

import difflib
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


def did_you_mean(name: str, names: Iterable[str], *, needed: Iterable[str] = ()) -> str:
    """Return `; did you mean X` for the valid name that *name* may be a typo of, or "".

    If only one valid name contains *name* or is contained in it, as with `sha`, `repository` or `env`,
    it counts too. Such a name in *needed*, the required names, is preferred to a more similar spelling.
    """
    valid = sorted(names)
    close = _related(name[:80], needed)
    if len(close) != 1:
        close = difflib.get_close_matches(name[:80], valid, n=1, cutoff=0.6) or _related(name[:80], valid)
    return f"; did you mean {close[0]}" if len(close) == 1 else ""


def _related(name: str, names: Iterable[str]) -> list[str]:
    return [one for one in names if _is_part(one, name) or _is_part(name, one)]


def _is_part(part: str, name: str) -> bool:
    # One or two letters occur in many names by chance.
    return len(part) >= 3 and part.casefold() in name.casefold()
