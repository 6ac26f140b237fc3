"""The step's edge: GITDAILIES_* and Bitbucket's own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.bitbucket import BITBUCKET

AGENT = "gitdailies-bitbucket-pipelines"
NO_KEY = "; set GITDAILIES_WEBHOOK_KEY as a secured variable of the workspace, repository or deployment"


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = console.texts(os.environ, "GITDAILIES_")
    report = core_step.run(
        BITBUCKET,
        inputs,
        environ=os.environ,
        directory=os.environ.get("BITBUCKET_CLONE_DIR") or ".",
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
