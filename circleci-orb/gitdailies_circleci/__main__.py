"""The orb's edge: environment in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.circleci import CIRCLECI

from gitdailies_circleci import step


def main() -> int:
    # Windows' own code page has not every character.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = step.texts(os.environ)
    report = core_step.run(
        CIRCLECI,
        inputs,
        environ=os.environ,
        agent=step.AGENT,
        no_key=step.NO_KEY,
        names=step.PARAMETERS,
    )
    fails = console.strict(inputs)
    for line in console.lines(report, fails=fails):
        print(line)
    return report.code if fails else 0


if __name__ == "__main__":
    core_step.leave(main())
