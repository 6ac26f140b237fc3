"""The step's edge: the plugin's options and Buildkite's own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.buildkite import BUILDKITE
from gitdailies_core.ci.report import Report, refused
from gitdailies_core.errors import UsageError

from gitdailies_buildkite import step


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    report, fails = _report()
    for line in console.lines(report, fails=fails):
        print(line)
    return report.code if fails else 0


def _report() -> tuple[Report, bool]:
    try:
        inputs = step.texts(os.environ)
    except UsageError as error:
        # The hook has told the launcher by this variable whether errors fail.
        return refused(error, {}), console.strict(console.texts(os.environ, "GITDAILIES_"))
    report = core_step.run(
        BUILDKITE,
        inputs,
        environ=os.environ,
        directory=os.environ.get("BUILDKITE_BUILD_CHECKOUT_PATH") or ".",
        agent=step.AGENT,
        no_key=step.NO_KEY,
    )
    return report, console.strict(inputs)


if __name__ == "__main__":
    core_step.leave(main())
