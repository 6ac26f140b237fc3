"""Jenkins. Sources: the git plugin's README, a server's own /env-vars.html page."""

from __future__ import annotations

import re
from typing import Any

from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Variables
from gitdailies_core.ci.table import Platform, Table

_REMOTE = re.compile(r"^(?:refs/remotes/)?origin/")

TABLE = Table(
    run=("BUILD_TAG", "BUILD_URL"),
    sha=("GIT_COMMIT",),
    # In multibranch pipelines BRANCH_NAME may also be a tag, or PR-7 for a pull request.
    branch=("CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
    tag=("TAG_NAME",),
    repo_url=("GIT_URL", "GIT_URL_1"),
    url=("BUILD_URL",),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Jenkins has none
    branch = variables.first(*TABLE.branch)
    # Only GIT_BRANCH begins with the remote: origin/main, refs/remotes/origin/main.
    if branch and branch == variables.first("GIT_BRANCH"):
        branch = _REMOTE.sub("", branch)
    # An old git plugin has one of these words if it checked out a bare commit.
    return TABLE.read(variables, branch=None if branch in ("detached", "HEAD") else branch)


JENKINS = Platform(
    word="jenkins",
    title="Jenkins",
    marker="JENKINS_URL",
    read=_read,
    step=Step(
        agent="gitdailies-jenkins",
        no_key=(
            "; add a secret text to the credentials and bind it to GITDAILIES_WEBHOOK_KEY around this step, "
            "with withCredentials"
        ),
        # No folder: a `dir` step changes the current directory, and git reads that one.
    ),
    # The last one: its agents often share a machine with another platform's agent.
    turn=90,
)
