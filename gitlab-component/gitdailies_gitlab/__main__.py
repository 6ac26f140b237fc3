"""The step's edge: the component's inputs and GitLab's own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.gitlab import GITLAB

from gitdailies_gitlab import step


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = step.texts(os.environ)
    report = core_step.run(
        GITLAB,
        inputs,
        environ=os.environ,
        directory=os.environ.get("CI_PROJECT_DIR") or ".",
        agent=step.AGENT,
        no_key=step.NO_KEY,
    )
    fails = console.strict(inputs)
    for line in console.lines(report, fails=fails):
        print(line)
    return report.code if fails or report.ok else step.warned(os.environ)


if __name__ == "__main__":
    core_step.leave(main())
