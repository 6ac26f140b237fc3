"""Buildkite. Source: its "Environment variables" reference."""

from __future__ import annotations

from typing import Any

from gitdailies_core.ci.facts import Facts, Platform, Variables
from gitdailies_core.ci.table import Table

TABLE = Table(
    # A job that is run again stays in its build.
    run=("BUILDKITE_BUILD_ID",),
    # The word HEAD until the agent has checked it out, in builds made by hand.
    sha=("BUILDKITE_COMMIT",),
    # The tag, on a push of a tag.
    branch=("BUILDKITE_BRANCH",),
    tag=("BUILDKITE_TAG",),
    repo_url=("BUILDKITE_REPO",),
    environment=("BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",),
    url=("BUILDKITE_BUILD_URL",),
    # There from post-command on.
    status=("BUILDKITE_COMMAND_EXIT_STATUS",),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Buildkite has none
    return TABLE.read(variables, status_of="the command")


BUILDKITE = Platform("buildkite", "Buildkite", "BUILDKITE", _read)
