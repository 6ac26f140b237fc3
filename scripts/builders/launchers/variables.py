"""The variables that a launcher reads by itself, for a machine without Python.

They are the rows of the platform's table in core. `[fallback]` of `step.toml` adds what a table does not say:

    inputs    the prefixes of the inputs' variables; by default GITDAILIES
    trunk     the variable of the default branch: a pull request from it is one that only the step can judge
    no_pull   NAME=WORD …: then the job builds what the target branch becomes. `*` is any word,
              and `""` stands for a variable that is not set
    skip      NAME=WORD …: then the job deployed nothing
    only      NAME=WORD …: for any other word, only the step knows the commit
    refuse    variables that hold inputs which only the step can read
    others    rows of the table, instead of the table's. OWNER/NAME are two variables
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gitdailies_core import retry
from gitdailies_core.ci.facts import SUCCEEDED
from gitdailies_core.ci.table import Table

from scripts.platforms import Folder

# How a launcher ends without Python by default; `[launcher]` in `step.toml` has other words.
PLAIN: Mapping[str, str] = {
    "warning": "GitDailies: WARNING: ",
    "error": "GitDailies: ERROR: ",
    "warned": "0",
}
_ROWS = ("sha", "repo", "repo_url", "branch", "tag", "environment", "status", "pull")
_INDENT = "  "


@dataclass(frozen=True)
class When:
    """A variable, and the words at which a rule holds for it."""

    name: str
    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> When:
        """Read `NAME=WORD …`."""
        name, _, words = text.partition("=")
        return cls(name, tuple(words.split()))


@dataclass(frozen=True)
class Known:
    """What a launcher may read on a platform; see the keys above."""

    title: str
    marker: str
    rows: Mapping[str, tuple[str, ...]]
    launcher: Mapping[str, str]
    inputs: tuple[str, ...] = ("GITDAILIES",)
    trunk: str = ""
    no_pull: tuple[When, ...] = ()
    skip: tuple[When, ...] = ()
    only: tuple[When, ...] = ()
    refuse: tuple[str, ...] = ()


def known(folder: Folder) -> Known:
    """Return what a launcher may read on the platform of *folder*. Raises ValueError for an unknown key."""
    table: Table = import_module(f"gitdailies_core.ci.platforms.{folder.module}").TABLE
    given = dict(folder.fallback)
    rows = {row: tuple(given.pop(row, getattr(table, row))) for row in _ROWS}
    whens: dict[str, Any] = {
        key: tuple(map(When.read, given.pop(key, ()))) for key in ("no_pull", "skip", "only")
    }
    names: dict[str, Any] = {key: tuple(given.pop(key)) for key in ("inputs", "refuse") if key in given}
    trunk = given.pop("trunk", "")
    if wrong := sorted({*given, *(set(folder.launcher) - set(PLAIN))}):
        raise ValueError(
            f"{folder.path}/step.toml: expected keys of [fallback] and [launcher], got {', '.join(wrong)}; "
            "see scripts/builders/launchers/variables.py"
        )
    platform = folder.platform
    launcher = {**PLAIN, **folder.launcher}
    return Known(platform.title, platform.marker, rows, launcher, trunk=trunk, **whens, **names)


_BOTH = 'both() { [ -z "$(first "$1")" ] || [ -z "$(first "$2")" ] || printf %s "$1/$2"; }'
_IS = 'is() { case $1 in "" | [Ff]alse | FALSE) return 1 ;; esac; }'


def for_shell(platforms: Iterable[Known]) -> str:
    """Return the lines of shell that read the variables. Of several platforms, the marker decides."""
    every = list(platforms)
    lines = []
    if any("/" in name for platform in every for row in platform.rows.values() for name in row):
        lines.append(_BOTH)
    if len(every) == 1:
        return "".join(f"{_INDENT}{line}\n" for line in [*lines, *_shell(every[0])])
    lines.append(_IS)
    for number, platform in enumerate(every):
        lines.append(f'{"elif" if number else "if"} is "${{{platform.marker}:-}}"; then')
        lines += [f"{_INDENT}{line}" for line in _shell(platform)]
    return "".join(f"{_INDENT}{line}\n" for line in [*lines, "fi"])


def _shell(platform: Known) -> list[str]:
    lines = [f"{name}='{platform.launcher[name]}'" for name in ("warning", "error")]
    lines += [f"warned={platform.launcher['warned']}", f"inputs='{' '.join(platform.inputs)}'"]
    lines = [line for line in lines if line not in _BY_DEFAULT]
    for row in _ROWS:
        if platform.rows[row]:
            values = " ".join(map(_value, platform.rows[row]))
            lines.append(f"{_NAMES.get(row, row)}=$(first {values})")
    lines += [f"case {_bare(when.name)} in {_any(when)}) pull= ;; esac" for when in platform.no_pull]
    if platform.trunk:
        lines.append(f'trunk="{_bare(platform.trunk)}"')
    lines += [
        f"case {_bare(when.name)} in {_any(when)}) skip='{when.name} says that nothing is deployed' ;; esac"
        for when in platform.skip
    ]
    lines += [f"case {_bare(when.name)} in {_any(when)}) ;; *) sha= ;; esac" for when in platform.only]
    lines += [
        f'case {_bare(name)} in "" | "{{}}" | null) ;; *) doubt=\'only Python reads {name}\' ;; esac'
        for name in platform.refuse
    ]
    return lines


_BY_DEFAULT = {f"{name}='{PLAIN[name]}'" for name in ("warning", "error")} | {
    f"warned={PLAIN['warned']}",
    "inputs='GITDAILIES'",
}
_NAMES = {"repo_url": "address"}


def _value(name: str) -> str:
    if "/" in name:
        return '"$(both ' + " ".join(f'"{_bare(part)}"' for part in name.split("/")) + ')"'
    return f'"{_bare(name)}"'


def _bare(name: str) -> str:
    return f"${{{name}:-}}"


def _any(when: When) -> str:
    return " | ".join("?*" if word == "*" else word for word in when.words)


def for_powershell(platforms: Iterable[Known]) -> str:
    """Return the lines of PowerShell that hold the variables, a table for each platform."""
    every = list(platforms)
    lines = []
    for platform in every:
        fields = {
            "Marker": _quoted([platform.marker] if len(every) > 1 else []),
            "Warning": f"'{platform.launcher['warning']}'",
            "Error": f"'{platform.launcher['error']}'",
            "Inputs": _quoted(platform.inputs),
            **{_NAMES.get(row, row).title(): _quoted(platform.rows[row]) for row in _ROWS},
            "Trunk": _quoted([platform.trunk] if platform.trunk else []),
            "NoPull": _table(platform.no_pull),
            "Skip": _table(platform.skip),
            "Only": _table(platform.only),
            "Refuse": _quoted(platform.refuse),
        }
        lines.append("    @{ " + "; ".join(f"{name} = {value}" for name, value in fields.items()) + " }")
    return "\n".join(lines) + "\n"


def _quoted(names: Iterable[str]) -> str:
    return "@(" + ", ".join(f"'{name}'" for name in names) + ")"


def _table(whens: Iterable[When]) -> str:
    return "@{" + "; ".join(f"'{when.name}' = {_quoted(when.words)}" for when in whens) + "}"


_STATUSES: Mapping[str, frozenset[int]] = {
    "KEY_STATUSES": retry.KEY_STATUSES,
    "ADDRESS_STATUSES": retry.ADDRESS_STATUSES,
    "LATER_STATUSES": retry.AGAIN_STATUSES | retry.RECEIVER_STATUSES,
}


def decisions_for_shell() -> dict[str, str]:
    """Return core's words and HTTP statuses as patterns of `case`, by the names of the placeholders."""
    found = {name: " | ".join(f"{one}:*" for one in sorted(codes)) for name, codes in _STATUSES.items()}
    return {"SUCCEEDED": " | ".join(map(_in_any_case, sorted(SUCCEEDED))), **found}


def decisions_for_powershell() -> dict[str, str]:
    """Return core's words and HTTP statuses as lists, by the names of the placeholders."""
    found = {name: ", ".join(map(str, sorted(codes))) for name, codes in _STATUSES.items()}
    return {"SUCCEEDED": ", ".join(f"'{word}'" for word in sorted(SUCCEEDED)), **found}


def _in_any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)
