"""The step's edge: Octopus' variables in; log and exit code out.

Where Octopus runs the script as Python, it lends it `get_octopusvariable`; the Bash template
hands the variables in on standard input instead, where neither a process list nor a limit on
the size of an environment meets them.
"""

from __future__ import annotations

import sys

from gitdailies_core.ci import console
from gitdailies_core.ci import step as core_step
from gitdailies_core.ci.octopus import OCTOPUS

from gitdailies_octopus import step


def main() -> int:
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    get = globals().get("get_octopusvariable")
    if get is None:
        handed = step.pairs(sys.stdin.buffer.read())
        read = step.variables(lambda name: handed.get(name, ""))
    else:
        read = step.variables(get)
    inputs = step.texts(read)
    report = core_step.run(
        OCTOPUS, inputs, environ=read, agent=step.AGENT, no_key=step.NO_KEY, names=step.PARAMETERS
    )
    fails = console.strict(inputs)
    for line in step.messages(report, fails=fails):
        print(line)
    return report.code if fails else 0


if __name__ == "__main__":
    sys.exit(main())
