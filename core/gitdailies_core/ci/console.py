"""A step whose inputs are environment variables and whose log is plain text, as most platforms have them."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci.report import DRY_RUN, Report
from gitdailies_core.ci.settings import INPUTS, flag
from gitdailies_core.errors import UsageError

_TITLE = "GitDailies"


def texts(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the inputs as they came, by name."""
    return {name: environ.get(variable, "") for name, variable in variables(prefix).items()}


def variables(prefix: str) -> dict[str, str]:
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}


def strict(inputs: Mapping[str, str]) -> bool:
    """Whether an error shall fail the job; a wrong word for it is told by the report itself."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False


def told(report: Report) -> list[str]:
    """Return all that is to be said of a report; a dry run shows what it did not send."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.lines, *payload]


def lines(report: Report, *, fails: bool) -> list[str]:
    """Return the lines for the log; what went wrong stands out where a log has no colors."""
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    return [f"{_TITLE}: {level if line in report.lines else ''}{line}" for line in told(report)]
