"""CircleCI. Sources: its "Project values and variables" and "Pipeline values" references.

The orb hands pipeline values in as `PIPELINE_GIT_*`, since no variable of a GitHub App pipeline
names the repository that was checked out; on CircleCI Server they are empty.
"""

from __future__ import annotations

from typing import Any

from gitdailies_core.ci.facts import Facts, Platform, Variables
from gitdailies_core.ci.table import Table

TABLE = Table(
    # A workflow that is run again gets a new id and keeps its workspace's.
    run=("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_URL"),
    sha=("PIPELINE_GIT_REVISION", "CIRCLE_SHA1"),
    # A pipeline of a tag has none.
    branch=("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH"),
    tag=("PIPELINE_GIT_TAG", "CIRCLE_TAG"),
    repo_url=("CIRCLE_REPOSITORY_URL",),
    url=("CIRCLE_BUILD_URL",),
    status=("GITDAILIES_JOB_STATUS",),
)

# Owner and name come apart; the checked-out repository's go first, since configuration, trigger
# and code of a GitHub App pipeline may come from three.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  CircleCI has none
    repo = None
    for pair in _OWNER_AND_NAME:
        owner, name = map(variables.first, pair)
        if owner and name:
            repo = f"{owner}/{name}"
            break
    # `pull/7` and `pull/7/head` are what a pipeline of a forked pull request has for a branch.
    branch = variables.first(*TABLE.branch)
    if branch and branch.startswith("pull/"):
        number = branch.split("/")[1]
        return TABLE.read(variables, repo=repo, branch=None, no_branch=f"the run is of pull request {number}")
    return TABLE.read(variables, repo=repo)


CIRCLECI = Platform("circleci", "CircleCI", "CIRCLECI", _read)
