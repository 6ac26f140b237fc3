"""The action's edge: environment and event file in; log, outputs, summary and exit code out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.github_actions import GITHUB_ACTIONS

from gitdailies_github_action import step


def main() -> int:
    # Windows' own code page has not every character; the runner reads UTF-8.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = step.texts(os.environ)
    for line in step.masks(inputs["webhook-key"]):
        print(line)
    report = core_step.run(
        GITHUB_ACTIONS,
        inputs,
        environ=os.environ,
        event=_event(os.environ.get("GITHUB_EVENT_PATH", "")),
        directory=os.environ.get("GITHUB_WORKSPACE") or ".",
        agent=step.AGENT,
        no_key=step.NO_KEY,
    )
    fails = console.strict(inputs)
    for line in step.commands(report, fails=fails):
        print(line)
    _append("GITHUB_OUTPUT", step.outputs(report))
    _append("GITHUB_STEP_SUMMARY", step.summary(report))
    return report.code if fails else 0


def _event(path: str) -> Any:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  pathlib is slow to import
            return json.loads(file.read())
    except (OSError, ValueError):
        # What needs it says so: no commit is guessed for want of it.
        return None


def _append(name: str, text: str) -> None:
    try:
        # What is no UTF-8 in a variable is written as an escape, not as an error.
        with open(os.environ[name], "a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:  # noqa: PTH123
            file.write(text)
    except (KeyError, OSError):
        print(f"::warning title=GitDailies::{name}: expected a file to write to, got none")


if __name__ == "__main__":
    core_step.leave(main())
