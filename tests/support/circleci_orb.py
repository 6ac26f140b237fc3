"""A stand-in for CircleCI: fills in the packed orb's parameters and runs its steps in a shell."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.steps import ROOT, Ended, published, shell

ROOM = ROOT / "circleci-orb"
FILE = published("circleci") / "orb.yml"
ORB: dict[str, Any] = yaml.load(FILE.read_text("utf-8"), yaml.CSafeLoader)
COMMAND: dict[str, Any] = ORB["commands"]["report_deploy"]
JOB: dict[str, Any] = ORB["jobs"]["report_deploy"]
_TEMPLATE = re.compile(r"(?<!\\)<<\s*(parameters|pipeline)\.([a-z_.]+)\s*>>")


@dataclass(frozen=True)
class Step:
    """A `run` step, filled in."""

    name: str
    command: str
    environment: Mapping[str, str]


def steps(parameters: Mapping[str, Any], pipeline: Mapping[str, str]) -> Iterator[Step]:
    """Yield the command's steps; a pipeline value that is not given is `<nil>`, as CircleCI writes it."""
    assert set(parameters) <= set(COMMAND["parameters"])
    values = {name: item["default"] for name, item in COMMAND["parameters"].items()} | dict(parameters)

    def filled_in(text: str) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] == "pipeline":
                return pipeline.get(found[2], "<nil>")
            given = values[found[2]]
            if isinstance(given, str) and _TEMPLATE.search(given):
                # A default may be a value of the pipeline.
                return filled_in(given)
            # A boolean reaches a job's environment as 1 or 0.
            return str(int(given)) if isinstance(given, bool) else str(given)

        return _TEMPLATE.sub(value, text).replace("\\<<", "<<")

    for step in COMMAND["steps"]:
        run = step["run"]
        yield Step(
            filled_in(run["name"]),
            filled_in(run["command"]),
            {name: filled_in(str(text)) for name, text in run["environment"].items()},
        )


def report(
    name: str,
    folder: Path,
    environ: Mapping[str, str],
    parameters: Mapping[str, Any],
    path: str | None = None,
) -> Ended:
    """Run the command's steps in the shell *name*, in a job with *environ*."""
    values = {key: value for key, value in environ.items() if key.startswith("PIPELINE_")}
    pipeline = {key[9:].lower().replace("git_", "git."): value for key, value in values.items()}
    job = {key: value for key, value in environ.items() if key not in values}
    [step] = steps(parameters, pipeline)
    return shell(name, step.command, folder=folder, environ={**job, **step.environment}, path=path)
