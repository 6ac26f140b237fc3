"""The variables that a launcher reads by itself, for a machine without Python.

They are the rows of the platform's table in core, and what it says about starts of runs: a run that names no
commit is sent only with one that was set. `[fallback]` of `step.toml` adds what a table does not say:

    inputs    the prefixes of the inputs' variables; by default GITDAILIES
    trunk     the variable of the default branch: a pull request from it is one that only the step can judge
    no_pull   NAME=WORD …: then the job builds what the target branch becomes. `*` is any word,
              and `""` stands for a variable that is not set
    skip      NAME=WORD …: then the job deployed nothing
    only      NAME=WORD …: for any other word, only the step knows the commit
    key_name  the variable of the input that holds the name of the key's variable
    refuse    variables that hold inputs which only the step can read
    others    rows of the table, instead of the table's. OWNER/NAME are two variables
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitdailies_core.ci.job.facts import SUCCEEDED
from gitdailies_core.ci.reporting.console import PREFIX
from gitdailies_core.ci.reporting.settings import DEPLOY_INPUTS, INPUTS, STEP_INPUTS
from gitdailies_core.values import http_answers

from scripts.platforms import Folder

# How a launcher ends without Python by default; `[launcher]` in `step.toml` has other words.
PLAIN: Mapping[str, str] = {
    "warning": "GitDailies: WARNING: ",
    "error": "GitDailies: ERROR: ",
    "warned": "0",
}
_ROWS = ("sha", "repo", "repo_url", "branch", "tag", "environment", "status", "pull")
_INDENT = "  "
Rules = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Known:
    """The variables that a launcher may read on a platform; see the keys above."""

    title: str
    marker: str
    rows: Mapping[str, tuple[str, ...]]
    launcher: Mapping[str, str]
    inputs: tuple[str, ...] = ("GITDAILIES",)
    trunk: str = ""
    key_name: str = ""
    # The words at which a rule holds, by the variable.
    no_pull: Rules = field(default_factory=dict)
    skip: Rules = field(default_factory=dict)
    only: Rules = field(default_factory=dict)
    # The words of runs that name their commit, and of those that name none.
    certain: Rules = field(default_factory=dict)
    open: Rules = field(default_factory=dict)
    refuse: tuple[str, ...] = ()


def known(folder: Folder) -> Known:
    """Return the variables of the platform of *folder*. Raises ValueError for an unknown key."""
    platform, given = folder.platform, dict(folder.fallback)
    rows = {row: tuple(given.pop(row, getattr(platform, row))) for row in _ROWS}
    more: dict[str, Any] = {key: _rules(given.pop(key, ())) for key in ("no_pull", "skip", "only")}
    for key, names_commit in (("certain", True), ("open", False)):
        words = [word for word, start in platform.starts.items() if start.names_commit is names_commit]
        more[key] = dict.fromkeys(platform.started, tuple(words)) if words else {}
    more |= {key: tuple(given.pop(key)) for key in ("inputs", "refuse") if key in given}
    trunk, key_name = given.pop("trunk", ""), given.pop("key_name", "")
    if wrong := sorted({*given, *(set(folder.launcher) - set(PLAIN))}):
        raise ValueError(
            f"{folder.path}/step.toml: expected keys of [fallback] and [launcher], got {', '.join(wrong)}; "
            "see scripts/builders/launchers/variables.py"
        )
    launcher = {**PLAIN, **folder.launcher}
    return Known(platform.title, platform.marker, rows, launcher, trunk=trunk, key_name=key_name, **more)


def _rules(texts: Iterable[str]) -> Rules:
    """Read `NAME=WORD ...`, each a rule."""
    return {name: tuple(words.split()) for name, _, words in (text.partition("=") for text in texts)}


_BOTH = 'both() { [ -z "$(first "$1")" ] || [ -z "$(first "$2")" ] || printf %s "$1/$2"; }'
_IS = 'is() { case $1 in "" | [Ff]alse | FALSE) return 1 ;; esac; }'


def for_shell(platforms: Iterable[Known]) -> str:
    """Return the lines of shell that read the variables. With several platforms, the marker decides."""
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
    lines += [f"{_case(name, words)}) pull= ;; esac" for name, words in platform.no_pull.items()]
    if platform.key_name:
        lines.append(f"named={_value(platform.key_name)}")
    if platform.trunk:
        lines.append(f'trunk="{_bare(platform.trunk)}"')
    lines += [
        f"{_case(name, words)}) skip='{name} says that nothing is deployed' ;; esac"
        for name, words in platform.skip.items()
    ]
    lines += [f"{_case(name, words)}) ;; *) sha= ;; esac" for name, words in platform.only.items()]
    for kind, rules in (("certain", platform.certain), ("open", platform.open)):
        lines += [f"{_case(name, words)}) start={kind} ;; esac" for name, words in rules.items()]
    lines += [
        f"case {_bare(name)} in {_NOTHING}) ;; *) doubt='only Python reads {name}' ;; esac"
        for name in platform.refuse
    ]
    return lines


_NOTHING = '"" | "{}" | null | "<nil>"'

# The inputs that a launcher reads: all but those that only the step can follow.
_READ = [
    name
    for name in (*STEP_INPUTS, *DEPLOY_INPUTS)
    if name not in ("path", "paths", "debug", "receiver", "retries")
]


def inputs_for_shell(platforms: Iterable[Known]) -> str:
    """Return the function that reads an input by its name, from the variables of each way to name them."""
    lines = ["input() {", "  case $inputs:$1 in"]
    for prefixes in sorted({platform.inputs for platform in platforms}):
        for name in _READ:
            variable = name.upper().replace("-", "_")
            values = " ".join(_value(f"{prefix}_{variable}") for prefix in prefixes)
            lines.append(f"    {_quoted_word(' '.join(prefixes))}:{variable}) first {values} ;;")
    return "\n".join(f"{_INDENT}{line}" for line in [*lines, "  esac", "}"])


def named_key_for_shell(platforms: Iterable[Known]) -> str:
    """Return the lines that read the key from the variable that an input names, if one does so."""
    return _NAMED_KEY if any(platform.key_name for platform in platforms) else ""


_NAMED_KEY = """\
  case ${named:-} in
    "" | [0-9]* | *[!A-Za-z0-9_]*) ;;
    *) eval "key=\\${$named:-}"; key=$(first "$key") ;;
  esac"""


def _quoted_word(text: str) -> str:
    return f"'{text}'" if " " in text else text


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


def _case(name: str, words: Iterable[str]) -> str:
    return f"case {_bare(name)} in {' | '.join('?*' if word == '*' else word for word in words)}"


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
            "Named": _quoted([platform.key_name] if platform.key_name else []),
            "NoPull": _table(platform.no_pull),
            "Skip": _table(platform.skip),
            "Only": _table(platform.only),
            "Certain": _table(platform.certain),
            "Open": _table(platform.open),
            "Refuse": _quoted(platform.refuse),
        }
        lines.append("    @{ " + "; ".join(f"{name} = {value}" for name, value in fields.items()) + " }")
    return "\n".join(lines) + "\n"


def _quoted(names: Iterable[str]) -> str:
    return "@(" + ", ".join(f"'{name}'" for name in names) + ")"


def _table(rules: Rules) -> str:
    return "@{" + "; ".join(f"'{name}' = {_quoted(words)}" for name, words in rules.items()) + "}"


# The variables of ours that a job may have. Any other may be a typing error, which only the step can tell.
_KNOWN = [
    PREFIX + name
    for name in (
        *(name.upper().replace("-", "_") for name in INPUTS),
        # What the manifests set, and a library's folder.
        *("JOB_STATUS", "WARNING_EXIT", "LIBRARY", "ID_TOKEN"),
    )
]

_STATUSES: Mapping[str, frozenset[int]] = {
    "KEY_STATUSES": http_answers.KEY_STATUSES,
    "ADDRESS_STATUSES": http_answers.ADDRESS_STATUSES,
    "LATER_STATUSES": http_answers.AGAIN_STATUSES | http_answers.RECEIVER_STATUSES,
}


def decisions_for_shell() -> dict[str, str]:
    """Return core's words and HTTP statuses as patterns of `case`, by the names of the placeholders."""
    found = {name: " | ".join(f"{one}:*" for one in sorted(codes)) for name, codes in _STATUSES.items()}
    return {"SUCCEEDED": " | ".join(map(_in_any_case, sorted(SUCCEEDED))), "KNOWN": " ".join(_KNOWN), **found}


def decisions_for_powershell() -> dict[str, str]:
    """Return core's words and HTTP statuses as lists, by the names of the placeholders."""
    found = {name: ", ".join(map(str, sorted(codes))) for name, codes in _STATUSES.items()}
    words = {"SUCCEEDED": sorted(SUCCEEDED), "KNOWN": _KNOWN}
    return {**{name: ", ".join(f"'{word}'" for word in each) for name, each in words.items()}, **found}


def _in_any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in word)
