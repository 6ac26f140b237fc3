"""Turn a record of a platform's past into the deploys that the platform's step would have reported.

The record becomes the variables and the payload that the step's job had. They go through the same
table as in the step, so the ids are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Skipped
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import InvalidEvent, UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.times import text_of

# Parameters of a reader that are inputs of the step. They are part of the id, as in the step.
STEP_PARAMETERS = {"service?": "as the step's input", "type?": "as the step's input"}


def inputs_of(parameters: Mapping[str, str]) -> Inputs:
    """Return the inputs of the step from a reader's parameters.

    Raises UsageError for a wrong value, and if `repo` is not exactly one repository.
    """
    repos = [parameters["repo"]] if "repo" in parameters else []
    inputs = Inputs.make(
        repos=repos, **{name: parameters.get(name) for name in ("environment", "service", "type")}
    )
    if len(inputs.repos) != len(repos) or any(repo.sha for repo in inputs.repos):
        raise UsageError("--with: expected one repository, as repo=owner/name, got something else")
    return inputs


def deploys(
    platform: Platform,
    environ: Mapping[str, str],
    inputs: Inputs,
    *,
    event: Any = None,
    git: GitFacts | None = None,
    at: datetime | None = None,
) -> Iterator[Event | Ignored]:
    """Yield the deploys of a job that had *environ* and the payload *event*, or the reason for none.

    *at* is the time of the report, for platforms that do not give a step the time.
    """
    if at is not None:
        inputs = replace(inputs, time=text_of(at))
    try:
        found = resolve(platform, environ=environ, event=event, inputs=inputs, git=git)
    except (UsageError, InvalidEvent) as error:
        yield Ignored(str(error))
        return
    if isinstance(found, Skipped):
        yield Ignored(found.reason)
        return
    yield from found.events
