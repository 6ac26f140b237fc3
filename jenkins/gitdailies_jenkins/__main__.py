"""The step's edge: GITDAILIES_* and Jenkins' own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.jenkins import JENKINS

AGENT = "gitdailies-jenkins"
NO_KEY = (
    "; add a secret text to the credentials and bind it to GITDAILIES_WEBHOOK_KEY around this step, "
    "with withCredentials"
)


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = console.texts(os.environ, "GITDAILIES_")
    # A `dir` step changes the current directory; git is asked where the line stands.
    report = core_step.run(
        JENKINS,
        inputs,
        environ=os.environ,
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
