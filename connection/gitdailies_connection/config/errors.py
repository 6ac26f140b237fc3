"""How a fault in a file is told: `FILE:LINE: path: expected X, got Y`, and the nearest valid name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gitdailies_core.errors import ConfigurationError

Place = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class FileFault:
    """A fault: the line it stands on, the path of the setting, and `expected X, got Y`."""

    line: int
    place: str
    text: str


def configuration_error(file: str, complaints: Iterable[FileFault]) -> ConfigurationError:
    """Return the error that tells all *complaints* about *file*, by line, each once."""
    return ConfigurationError(
        *(f"{file}:{one.line}: {one.place}: {one.text}" for one in sorted(set(complaints)))
    )


def setting_name(place: Place) -> str:
    """Write a path as `sources.pagerduty.secrets[0]`; `top level` for the empty one."""
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
    """Return `; did you mean X` for the valid name that *name* may be a typo of, or nothing.

    Also for the only one that is a part of it, or that it is a part of: `sha`, `repository`, `env`;
    such a one of *needed*, without which it will not do, goes before any that is spelled more alike.
    """
    valid = sorted(names)
    close = _related(name[:80], needed)
    if len(close) != 1:
        close = difflib.get_close_matches(name[:80], valid, n=1, cutoff=0.6) or _related(name[:80], valid)
    return f"; did you mean {close[0]}" if len(close) == 1 else ""


def _related(name: str, names: Iterable[str]) -> list[str]:
    return [one for one in names if _is_part(one, name) or _is_part(name, one)]


def _is_part(part: str, name: str) -> bool:
    # A letter or two are in many a name by chance.
    return len(part) >= 3 and part.casefold() in name.casefold()
