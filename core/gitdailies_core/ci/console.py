"""How a step meets its job. By default inputs are environment variables and the log is plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from gitdailies_core.ci.report import DRY_RUN, Report
from gitdailies_core.ci.settings import INPUTS, flag
from gitdailies_core.errors import UsageError

PREFIX = "GITDAILIES_"

_TITLE = "GitDailies"


def variables(prefix: str = PREFIX) -> dict[str, str]:
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}


def texts(environ: Mapping[str, str], prefix: str = PREFIX) -> dict[str, str]:
    """Return the inputs as they came, by name."""
    return {name: environ.get(variable, "") for name, variable in variables(prefix).items()}


def strict(inputs: Mapping[str, str]) -> bool:
    """Whether an error fails the job. A wrong word for it is no: the report has an error about it."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False


def messages(report: Report) -> list[str]:
    """Return all that the log should say of a report; a dry run shows what it did not send."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.lines, *payload]


def lines(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log; what went wrong stands out where a log has no colors.

    *fails* says whether an error fails the job.
    """
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    return [f"{_TITLE}: {level if line in report.lines else ''}{line}" for line in messages(report)]


def _no_masks(key: str) -> list[str]:  # noqa: ARG001  most platforms mask the secrets they know
    return []


def _no_files(report: Report) -> dict[str, str]:  # noqa: ARG001  most platforms read the log alone
    return {}


def _not_written(name: str) -> str:
    return f"{_TITLE}: WARNING: {name}: expected a file to write to, got none"


def _green(environ: Mapping[str, str]) -> int:  # noqa: ARG001  a warning leaves most jobs green
    return 0


# The inputs keep the names that `settings` gives them.
SAME_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Step:
    """How the step meets a platform's jobs. The defaults are those of a plain console.

    agent        names the step to the receiver
    no_key       ends the error about a missing key: where this platform keeps it
    folder       the variable that names the checkout; else git is asked in the current directory
    event        the variable that names the file with the event's payload
    inputs       reads the inputs by name from the environment; raises UsageError
    names        what the platform calls the inputs; else the variable of each, GITDAILIES_NAME
    masks        makes the lines that keep the key out of the log, before all others
    log          makes the lines for the log, of a report and of whether an error fails the job
    files        makes the texts to append to files, by the variable that names the file
    not_written  makes the line about such a file that is missing
    warned       finds the exit code of a warning in the environment
    lends        the function that the platform's agent lends a script, if it does
    ask          reads the job's variables where they are not in the environment, from what the
                 agent lends and from what reads standard input
    """

    agent: str
    no_key: str
    folder: str = ""
    event: str = ""
    inputs: Callable[[Mapping[str, str]], dict[str, str]] = texts
    names: Mapping[str, str] | None = None
    masks: Callable[[str], list[str]] = _no_masks
    log: Callable[[Report, bool], list[str]] = lines
    files: Callable[[Report], dict[str, str]] = _no_files
    not_written: Callable[[str], str] = _not_written
    warned: Callable[[Mapping[str, str]], int] = _green
    lends: str = ""
    ask: Callable[[Mapping[str, Any], Callable[[], bytes]], dict[str, str]] | None = None
