"""Which CI platform a job runs on, and which deploys it made there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Deploys, Skipped, Variables
from gitdailies_core.ci.git_facts import GitFacts
from gitdailies_core.ci.inputs import Inputs
from gitdailies_core.ci.platforms import CHOICES
from gitdailies_core.ci.table import Platform


def detect(environ: Mapping[str, str]) -> Platform | None:
    """Return the platform whose marker is set, or None."""
    variables = Variables(environ)
    for choice in CHOICES:
        marker = variables.first(choice.marker)
        if marker and marker.lower() != "false":
            return choice.platform()
    return None


def deploys_of(
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
) -> Deploys | Skipped:
    """Find the platform, and then the deploys that the job made, or why it made none; see `resolve`."""
    return resolve(detect(environ), environ=environ, event=event, inputs=inputs, git=git, call=call)
