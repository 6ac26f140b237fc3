"""The CI platforms that are known, and which of them a job runs on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.azure import AZURE
from gitdailies_core.ci.bitbucket import BITBUCKET
from gitdailies_core.ci.buildkite import BUILDKITE
from gitdailies_core.ci.circleci import CIRCLECI
from gitdailies_core.ci.deploy import resolve
from gitdailies_core.ci.facts import Deploys, GitFacts, Inputs, Platform, Skipped, Variables
from gitdailies_core.ci.github_actions import GITHUB_ACTIONS
from gitdailies_core.ci.gitlab import GITLAB
from gitdailies_core.ci.jenkins import JENKINS
from gitdailies_core.ci.octopus import OCTOPUS
from gitdailies_core.ci.travis import TRAVIS

# Jenkins last: its agents often run on machines that another platform's agent runs on too.
PLATFORMS: tuple[Platform, ...] = (
    GITHUB_ACTIONS,
    CIRCLECI,
    TRAVIS,
    OCTOPUS,
    GITLAB,
    BUILDKITE,
    AZURE,
    BITBUCKET,
    JENKINS,
)


def detect(environ: Mapping[str, str]) -> Platform | None:
    """Return the platform that the environment shows, or None."""
    variables = Variables(environ)
    for platform in PLATFORMS:
        marker = variables.first(platform.marker)
        if marker and marker.lower() != "false":
            return platform
    return None


def deploys_of(
    *,
    environ: Mapping[str, str],
    event: Any = None,
    inputs: Inputs,
    git: GitFacts | None = None,
    call: str = "",
) -> Deploys | Skipped:
    """Find out which deploys the job made, or why none, on whatever platform it runs; see `resolve`."""
    return resolve(detect(environ), environ=environ, event=event, inputs=inputs, git=git, call=call)
