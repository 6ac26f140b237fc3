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
    # BRANCH_NAME is PR-7 on a pull request and the tag on a tag (multibranch pipelines).
    branch=("CHANGE_BRANCH", "BRANCH_NAME", "GIT_LOCAL_BRANCH", "GIT_BRANCH"),
    tag=("TAG_NAME",),
    repo_url=("GIT_URL", "GIT_URL_1"),
    url=("BUILD_URL",),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Jenkins has none
    branch = variables.first(*TABLE.branch)
    # GIT_BRANCH alone has its remote in front: origin/main, refs/remotes/origin/main.
    if branch and branch == variables.first("GIT_BRANCH"):
        branch = _REMOTE.sub("", branch)
    # What an old git plugin says where it checked out a commit.
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
        # No folder: a `dir` step changes the current directory, and git is asked where the line stands.
    ),
    # Last: its agents often run on machines that another platform's agent runs on too.
    turn=90,
)
