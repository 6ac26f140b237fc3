"""The step of every CI platform: finds the platform, reports the job's deploys, ends as its inputs say.

This module is exempt from core's rule against I/O: it reads the environment and writes the job's log.
The joiner makes one file of it and all that it uses: `ci-steps/report_deploy.py`. The file that is
published for one platform holds only that platform.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.detection import detect
from gitdailies_core.ci.platforms import CHOICES
from gitdailies_core.ci.report import Report, refused
from gitdailies_core.ci.settings import TRUE
from gitdailies_core.ci.table import Platform
from gitdailies_core.ci.version import VERSION
from gitdailies_core.errors import UsageError

# For a job on none of the platforms. Git gives what the inputs do not.
_ELSEWHERE = Step(agent="gitdailies-step", no_key="; set GITDAILIES_WEBHOOK_KEY")


def main(lent: Mapping[str, Any]) -> int:
    """Run the step and return the exit code; *lent* holds the functions that an agent adds to a script."""
    # Windows' own code page lacks many characters, and platforms read UTF-8.
    if sys.stdout is not None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    platform, environ = _job(lent)
    step = platform.step if platform else _ELSEWHERE
    report, fails = _reported(platform, step, environ)
    for line in step.log(report, fails):
        print(line)
    for name, text in step.files(report).items():
        if not _appended(environ.get(name, ""), text):
            print(step.not_written(name))
    return report.code if fails or report.ok else step.warned(environ)


def guarded(lent: Mapping[str, Any]) -> int:
    """Run the step. Whatever goes wrong in it never fails the job, unless an input says so."""
    try:
        return main(lent)
    except Exception as error:  # noqa: BLE001  a closed log or a full disk, too
        names = (f"{prefix}FAIL_ON_ERROR" for prefix in (console.PREFIX, "INPUT_", "PARAM_"))
        fails = any(os.environ.get(name, "").strip().lower() in TRUE for name in names)
        try:
            level = "ERROR" if fails else "WARNING"
            print(
                f"GitDailies: {level}: deploy not reported: the step itself failed ({type(error).__name__})"
            )
        except (OSError, ValueError):
            # There is no log to write to.
            return int(fails)
        return int(fails)


def _job(lent: Mapping[str, Any]) -> tuple[Platform | None, Mapping[str, str]]:
    """Return the platform of the job and its variables. The only platform of a file needs no marker."""
    lender = next((choice for choice in CHOICES if choice.lends in lent), None)
    chosen = CHOICES[0] if len(CHOICES) == 1 else lender
    if chosen is None:
        return detect(os.environ), os.environ
    platform = chosen.platform()
    ask = platform.step.ask
    return platform, ask(lent, sys.stdin.buffer.read) if ask else os.environ


def _reported(platform: Platform | None, step: Step, environ: Mapping[str, str]) -> tuple[Report, bool]:
    """Run the step; return its report, and whether an error fails the job."""
    names = console.variables() if step.names is None else step.names
    try:
        inputs = step.inputs(environ)
    except UsageError as error:
        # The inputs cannot be read. Whether errors fail the job comes from the variable.
        return refused(error, names), console.strict(console.texts(environ))
    for line in step.masks(inputs["webhook-key"]):
        print(line)
    report = core_step.run(
        platform,
        inputs,
        environ=environ,
        event=_event(environ.get(step.event, "")),
        directory=environ.get(step.folder) or ".",
        agent=f"{step.agent}/{VERSION}" if VERSION else step.agent,
        no_key=step.no_key,
        names=names,
    )
    return report, console.strict(inputs)


def _event(path: str) -> Any:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  pathlib is slow to import
            return json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        # If the commit is only in the payload, the report says so. It is never guessed.
        return None


def _appended(path: str, text: str) -> bool:
    try:
        # Bytes that are not UTF-8 are written as escapes. They are no error.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:  # noqa: PTH123
            file.write(text)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    ended = guarded(globals())
    if any(choice.lends in globals() for choice in CHOICES):
        # Such an agent runs the script in its own process, and has work to do afterwards.
        gc.enable()
        sys.exit(ended)
    core_step.leave(ended)
