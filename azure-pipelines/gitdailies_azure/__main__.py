"""The step's edge: the template's parameters and Azure's own variables in; log and exit code out."""

from __future__ import annotations

import os
import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.azure import AZURE

from gitdailies_azure import step


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    inputs = step.texts(os.environ)
    report = core_step.run(
        AZURE,
        inputs,
        environ=os.environ,
        directory=os.environ.get("BUILD_SOURCESDIRECTORY") or ".",
        agent=step.AGENT,
        no_key=step.NO_KEY,
        names=step.PARAMETERS,
    )
    fails = console.strict(inputs)
    for line in step.commands(report, fails=fails):
        print(line)
    return report.code if fails else 0


if __name__ == "__main__":
    core_step.leave(main())
