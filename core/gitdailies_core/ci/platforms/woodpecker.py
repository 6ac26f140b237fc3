"""Woodpecker CI. Source: its "Environment variables" page."""

from __future__ import annotations

from typing import Any

from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Variables
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # A restart and a deployment are pipelines of their own.
    run=("CI_PIPELINE_NUMBER",),
    sha=("CI_COMMIT_SHA",),
    # For a pull request it is the target.
    branch=("CI_COMMIT_BRANCH",),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_REPO",),
    repo_url=("CI_REPO_CLONE_URL", "CI_REPO_URL"),
    # The event `deployment` has it.
    environment=("CI_PIPELINE_DEPLOY_TARGET",),
    url=("CI_PIPELINE_URL",),
    # `success` until a step fails; version 3 has it no longer.
    status=("CI_PIPELINE_STATUS",),
    message=("CI_COMMIT_MESSAGE",),
    pull=("CI_COMMIT_PULL_REQUEST",),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Woodpecker has none
    # A deployment of a pull request's pipeline keeps the number, and is no job of it.
    of_pull = (variables.first("CI_PIPELINE_EVENT") or "").startswith("pull_request")
    return TABLE.read(
        variables,
        pull=of_pull,
        # No variable tells.
        fork=None,
        status_of="the pipeline so far",
    )


WOODPECKER = Platform(
    word="woodpecker",
    title="Woodpecker CI",
    # CI is `woodpecker` there, and `true` on most other platforms.
    marker="CI_SYSTEM_NAME",
    read=_read,
    step=Step(
        agent="gitdailies-woodpecker",
        no_key=("; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"),
        folder="CI_WORKSPACE",
    ),
)
