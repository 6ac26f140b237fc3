"""How a step meets its job. By default inputs are environment variables and the log is plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

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


def _not_written(name: str) -> str:
    return f"{_TITLE}: WARNING: {name}: expected a file to write to, got none"


# The inputs keep the names that `settings` gives them.
SAME_NAMES: Mapping[str, str] = {}


class Step(NamedTuple):
    """How the step meets a platform's jobs. The defaults are those of a plain console.

    agent        names the step to the receiver
    no_key       ends the error about a missing key: where this platform keeps it
    oidc         the variable with the job's ID token; or those of the address that answers with one and of
                 its bearer; or the words of a program that prints one
    no_oidc      ends the error about a missing ID token; in both, AUDIENCE stands for the receiver's address
    folder       the variable that names the checkout; else git reads the current directory
    root         the variable that names the job's folder, if that is another one. Above it no checkout
                 is looked for
    event        the variable that names the file with the event's payload
    inputs       reads the inputs by name from the environment; raises UsageError
    names        what the platform calls the inputs; else the variable of each, GITDAILIES_NAME
    masks        makes the first lines of the log, which keep the key out of it
    log          makes the lines of the log from a report; its second argument is `fails`
    files        makes the texts to append to files, by the variable that names the file
    not_written  makes the line about such a file if it is missing
    warned       finds the exit code of a warning in the environment
    lends        the name of a function that the platform's agent adds to a script, or ""
    ask          reads the job's variables if they are not in the environment. Its arguments are
                 the functions that the agent adds, and one that reads standard input
    """

    agent: str
    no_key: str
    folder: str = ""
    root: str = ""
    event: str = ""
    inputs: Callable[[Mapping[str, str]], dict[str, str]] = texts
    names: Mapping[str, str] | None = None
    masks: Callable[[str], list[str]] = lambda _key: []  # most platforms mask known secrets
    log: Callable[[Report, bool], list[str]] = lines
    files: Callable[[Report], dict[str, str]] = lambda _report: {}  # most platforms only have a log
    not_written: Callable[[str], str] = _not_written
    warned: Callable[[Mapping[str, str]], int] = lambda _environ: 0  # a warning leaves most jobs green
    lends: str = ""
    ask: Callable[[Mapping[str, Any], Callable[[], bytes]], dict[str, str]] | None = None
    oidc: tuple[str, ...] = ()
    no_oidc: str = ""
