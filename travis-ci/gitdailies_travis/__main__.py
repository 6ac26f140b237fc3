"""The step's edge: GITDAILIES_* and Travis' own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.travis import TRAVIS

AGENT = "gitdailies-travis"
NO_KEY = (
    "; set GITDAILIES_WEBHOOK_KEY in the repository's settings or encrypted in .travis.yml "
    "(builds of forks get none)"
)


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = console.texts(os.environ, "GITDAILIES_")
    report = core_step.run(
        TRAVIS,
        inputs,
        environ=os.environ,
        directory=os.environ.get("TRAVIS_BUILD_DIR") or ".",
        agent=AGENT,
        no_key=NO_KEY,
        names=console.variables("GITDAILIES_"),
    )
    fails = console.strict(inputs)
    for line in console.lines(report, fails=fails):
        print(line)
    return report.code if fails else 0


if __name__ == "__main__":
    core_step.leave(main())
