"""Turn a record of a platform's past into the deploys that the platform's step would have reported.

The record becomes the variables and the payload that the step's job had. They go through the same
table as in the step, so the ids are the same.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable

from gitdailies_core.ci.deploys.deploy import resolve
from gitdailies_core.ci.deploys.git_facts import GitFacts
from gitdailies_core.ci.job.facts import Skipped
from gitdailies_core.ci.job.inputs import Inputs
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.errors import InvalidEvent, UsageError
from gitdailies_core.events.events import DEPLOYED, Event
from gitdailies_core.sources.history import Pages, PastMessages, Window, ignore_unreadable
from gitdailies_core.sources.protocol import Ignored
from gitdailies_core.values.secret import Secret
from gitdailies_core.values.times import text_of

# Parameters of a reader that are inputs of the step. They are part of the id, as in the step.
STEP_PARAMETERS = dict.fromkeys(("service?", "type?"), "as the step's input")
INPUT_PARAMETERS = {**dict.fromkeys(("repo?", "environment?"), "as the step's input"), **STEP_PARAMETERS}
# The messages of each record of a listing.
PastRecords = Iterator[PastMessages]


def authorization(token: Secret, before: str = "") -> Mapping[str, str]:
    """Return the headers with a token or, if it or *before* has a colon, with USER:TOKEN (RFC 7617)."""
    text = before + token.reveal()
    kind, text = ("Basic", b64encode(text.encode()).decode()) if ":" in text else ("Bearer", text)
    return {"Authorization": f"{kind} {text}", "Accept": "application/json"}


@dataclass(frozen=True)
class DeployReader:
    """A `Reader` of the deploys of a CI platform.

    `deploys` yields those of each record of a window. It gets the parameters, and the inputs among them.
    `headers` makes those of every request from the token.
    """

    name: str
    url: str
    token_env: str
    parameters: Mapping[str, str]
    deploys: Callable[[Pages, Window, Mapping[str, str], Inputs], PastRecords]
    headers: Callable[[Secret], Mapping[str, str]] = authorization

    def read(self, pages: Pages, window: Window, parameters: Mapping[str, str]) -> PastMessages:
        """Yield the deploys in *window*. Raises UsageError for a wrong parameter, and PayloadError."""
        for record in self.deploys(pages, window, parameters, inputs_of(parameters)):
            yield from ignore_unreadable(record)


def inputs_of(parameters: Mapping[str, str]) -> Inputs:
    """Return the inputs of the step from a reader's parameters.

    Raises UsageError for a wrong value, and if `repo` is not exactly one repository.
    """
    repos = [parameters["repo"]] if "repo" in parameters else []
    texts = {name: parameters.get(name) for name in ("environment", "service", "type")}
    inputs = Inputs.make(texts, repos=repos)
    if len(inputs.repos) != len(repos) or any(repo.sha for repo in inputs.repos):
        raise UsageError("--with: expected one repository, as repo=owner/name, got something else")
    # A repository may have had another name.
    return inputs._replace(renamed=True)


def deploys(
    platform: Platform,
    environ: Mapping[str, str | None],
    inputs: Inputs,
    *,
    event: Any = None,
    git: GitFacts | None = None,
    at: datetime | None = None,
) -> Iterator[Event | Ignored]:
    """Yield the deploys of a job that had *environ* and the payload *event*, or the reason for none.

    A variable that is None was not set. *at* is the time of the report, for platforms that do not give a
    step the time.
    """
    if at is not None:
        inputs = inputs._replace(time=text_of(at))
    try:
        given = {name: text for name, text in environ.items() if text is not None}
        found = resolve(platform, environ=given, event=event, inputs=inputs, git=git)
    except (UsageError, InvalidEvent) as error:
        yield Ignored(str(error))
        return
    if isinstance(found, Skipped):
        yield Ignored(found.reason)
        return
    for values in found.events:
        yield Event.make(DEPLOYED, **values)
