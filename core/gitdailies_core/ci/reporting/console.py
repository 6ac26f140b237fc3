"""How a step meets its job, unless its platform has other ways: variables as inputs, and a plain log."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci.reporting.report import DRY_RUN, Report
from gitdailies_core.ci.reporting.settings import INPUTS, flag
from gitdailies_core.errors import UsageError
from gitdailies_core.events.near_names import meant

PREFIX = "GITDAILIES_"

_TITLE = "GitDailies"
# Other keys have names close to that of the key, and that of GitLab's ID token is close to `id`.
_OTHERS = ("webhook", "id_token")


def variables(prefix: str = PREFIX) -> dict[str, str]:
    """Return the variable of each input: that of `dry-run` is PREFIX + `DRY_RUN`."""
    return {name: prefix + name.upper().replace("-", "_") for name in INPUTS}


def texts(environ: Mapping[str, str], prefix: str = PREFIX) -> dict[str, str]:
    """Return the raw text of each input, by name: from its variable, else from GITDAILIES_NAME."""
    own = variables()
    read = {name: environ.get(variable, "") for name, variable in variables(prefix).items()}
    return {name: text if text.strip() else environ.get(own[name], "") for name, text in read.items()}


def refuse_misspelled(environ: Mapping[str, str]) -> None:
    """Raise UsageError for variables whose names are close to those of inputs.

    Otherwise a typing error turns a deploy to staging into one to production. A missing key is an error by
    itself.
    """
    known = frozenset(name.replace("-", "_") for name in INPUTS)
    complaints = []
    for variable, text in environ.items():
        name = variable[len(PREFIX) :].lower()
        if not text.strip() or not variable.upper().startswith(PREFIX) or name.startswith(_OTHERS):
            continue
        right = PREFIX + (name if name in known else meant(name, known)).upper()
        if right not in (PREFIX, variable):
            complaints.append(f"{variable}: this variable does not exist; did you mean {right}?")
    if complaints:
        raise UsageError(*complaints)


def strict(inputs: Mapping[str, str]) -> bool:
    """Whether an error fails the job. A wrong value means no; the report has an error about it."""
    try:
        return flag(inputs, "fail-on-error")
    except UsageError:
        return False


def messages(report: Report) -> list[str]:
    """Return the log's messages about a report. A dry run also shows the payload."""
    payload = [report.payload] if report.outcome == DRY_RUN else []
    return [*report.notes, *report.warnings, *report.lines, *payload]


def lines(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Many logs have no colors, so a word marks what went wrong.

    *fails* says whether an error fails the job.
    """
    level = "" if report.ok else "ERROR: " if fails else "WARNING: "
    levels = {**dict.fromkeys(report.lines, level), **dict.fromkeys(report.warnings, "WARNING: ")}
    return [f"{_TITLE}: {levels.get(line, '')}{line}" for line in messages(report)]
