"""A record of a platform's past, told as the platform's step would have told it.

The record is put as the variables, and the payload, that the step's job would have had, and goes
through the very table that the step goes through; so ids cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import GitFacts, Inputs, Skipped
from gitdailies_core.ci.table import Platform
from gitdailies_core.errors import InvalidEvent, UsageError
from gitdailies_core.events.events import Event
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.times import text_of

# Parameters of a reader that are inputs of the step, and part of an id as they are there.
STEP_PARAMETERS = {"service?": "as the step's input", "type?": "as the step's input"}


def inputs_of(parameters: Mapping[str, str]) -> Inputs:
    """Return the inputs that the step had, of those that a reader is told.

    Raises UsageError for a wrong value, and where `repo` is given and is not one repository.
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
    """Tell the deploys of a job that had *environ* and the payload *event*, or why there are none.

    *at* is when the job reported, where the platform does not tell a step the time.
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
