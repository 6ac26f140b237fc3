"""How the step reads Octopus' variables and writes to its log.

Sources: Octopus' "System variables" reference; its agent's service messages, `##octopus[...]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from gitdailies_core.ci import console, octopus
from gitdailies_core.ci.report import Report
from gitdailies_core.ci.settings import INPUTS

AGENT = "gitdailies-octopus"
NO_KEY = "; set the template's parameter Webhook key, best to a sensitive variable"

# A template's parameter is a variable of this name, which no other step's parameter has.
PARAMETERS = {name: "GitDailies." + name.title().replace("-", "") for name in INPUTS}
NAMES = (*octopus.NAMES, *PARAMETERS.values())

# What an older agent's Bash function prints for a variable that is not there.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')
_MARK = "##octopus["


def variables(get: Callable[[str], str]) -> dict[str, str]:
    """Ask for every variable that is used; one that is not there is empty."""
    read = {}
    for name in NAMES:
        try:
            text = get(name) or ""
        except KeyError:
            # An older agent's Python function raises it.
            text = ""
        read[name] = "" if text.startswith(_UNKNOWN) else text
    return read


def pairs(raw: bytes) -> dict[str, str]:
    """Read `NAME=VALUE`, each followed by a zero byte, which no value can hold."""
    read = {}
    for pair in raw.decode("utf-8", "replace").split("\0"):
        name, _, value = pair.partition("=")
        read[name] = value
    return read


def texts(read: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name."""
    return {name: read[variable] for name, variable in PARAMETERS.items()}


def messages(report: Report, *, fails: bool) -> list[str]:
    """Return the lines for the log; texts of others, such as a receiver's answer, give no commands."""
    plain = [line.replace(_MARK, "## octopus[") for line in console.told(report)]
    if report.ok:
        return plain
    level = "error" if fails else "warning"
    return [f"{_MARK}stdout-{level}]", *plain, f"{_MARK}stdout-default]"]
