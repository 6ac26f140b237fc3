"""GitLab CI. Source: its "Predefined CI/CD variables reference"."""

from __future__ import annotations

from typing import Any

from gitdailies_core.ci.facts import Facts, Platform, Variables
from gitdailies_core.ci.table import Table

TABLE = Table(
    # A job that is run again stays in its pipeline.
    run=("CI_PIPELINE_ID",),
    # The first is there in merged-result pipelines alone, whose CI_COMMIT_SHA is thrown away.
    sha=("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
    # CI_COMMIT_REF_NAME mixes branches and tags; pipelines of a merge request have no CI_COMMIT_BRANCH.
    branch=("CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_PROJECT_PATH",),
    repo_url=("CI_REPOSITORY_URL",),
    # The slug is cut and changed, the name is not.
    environment=("CI_ENVIRONMENT_NAME",),
    url=("CI_PIPELINE_URL",),
)

# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  GitLab has none
    action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
    status = variables.first("CI_JOB_STATUS")
    return TABLE.read(
        variables,
        # It is `running` until after_script.
        status=None if status == "running" else status,
        skip=f"the environment's action is {action}, which deploys nothing" if action in _NO_DEPLOY else None,
    )


GITLAB = Platform("gitlab", "GitLab CI", "GITLAB_CI", _read)
