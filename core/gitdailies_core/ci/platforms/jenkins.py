"""Jenkins.

Sources: the READMEs of the plugins git, branch-api, ghprb and gitlab, and a server's own /env-vars.html page.
"""

from __future__ import annotations

import re

from gitdailies_core.ci.job.facts import Facts, Variables, are_two, repo_of
from gitdailies_core.ci.reporting.platform import Platform

# GIT_BRANCH begins with the remote, which is origin unless the job names another one. Only from these
# branches and remotes it can be told from a branch with a slash.
_REMOTE = (
    r"^(?:refs/remotes/[^/]+|(?:remotes/)?(?:origin|upstream)|[^/]+(?=/(?:main|master|develop|trunk)$))/"
)


class Jenkins(Platform):
    word = "jenkins"
    title = "Jenkins"
    marker = "JENKINS_URL"
    # The last one: its agents often share a machine with another platform's agent.
    turn = 90
    # A replay and a restart from a stage are builds of their own.
    run = ("BUILD_TAG", "BUILD_URL")
    # The GitHub pull request builder checks out a temporary merge commit.
    sha = ("ghprbActualCommit", "GIT_COMMIT")
    # In multibranch pipelines BRANCH_NAME may also be a tag, or PR-7 for a pull request.
    branch = (
        "CHANGE_BRANCH",
        "ghprbSourceBranch",
        "gitlabSourceBranch",
        "BRANCH_NAME",
        "GIT_LOCAL_BRANCH",
        "GIT_BRANCH",
    )
    tag = ("TAG_NAME",)
    repo_url = ("GIT_URL", "GIT_URL_1")
    url = ("BUILD_URL",)
    before = ("GIT_PREVIOUS_SUCCESSFUL_COMMIT", "GIT_PREVIOUS_COMMIT")
    pull = ("CHANGE_ID", "ghprbPullId", "gitlabMergeRequestIid")
    agent = "gitdailies-jenkins"
    no_key = (
        "; add a secret text to the credentials and bind it to GITDAILIES_WEBHOOK_KEY around this step, "
        "with withCredentials"
    )
    # No folder: a `dir` step changes the current directory, and git reads that one.
    root = "WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        branch, tag = variables.first(*self.branch), variables.first(*self.tag)
        # Only GIT_BRANCH begins with the remote: origin/main, refs/remotes/origin/main. Older git plugins
        # name a tag there.
        if branch and branch == variables.first("GIT_BRANCH"):
            branch = re.sub(_REMOTE, "", branch)
            if branch.startswith(("tags/", "refs/tags/")):
                tag, branch = branch.partition("tags/")[2], None
        if (variables.first("gitlabMergeRequestState") or "").lower() == "merged":
            branch = variables.first("gitlabTargetBranch")
        return self.facts(
            variables,
            # An old git plugin has one of these words if it checked out a bare commit.
            branch=None if branch in ("detached", "HEAD") else branch,
            tag=tag,
            pull=_jenkins_pull(variables),
            fork=self._forked(variables),
        )

    def _forked(self, variables: Variables) -> bool:
        if variables.first("CHANGE_FORK"):
            return True
        theirs, own = variables.first("ghprbAuthorRepoGitUrl"), variables.first(*self.repo_url)
        namespaces = map(variables.first, ("gitlabSourceNamespace", "gitlabTargetNamespace"))
        return are_two(repo_of(theirs), repo_of(own)) or are_two(*namespaces)


JENKINS = Jenkins()


def _jenkins_pull(variables: Variables) -> str | None:
    """Return the open pull or merge request of a multibranch pipeline, or of GitHub's or GitLab's plugin."""
    number = variables.first("CHANGE_ID", "ghprbPullId")
    if number:
        return f"pull request {number}"
    merge = variables.first("gitlabMergeRequestIid")
    state = (variables.first("gitlabMergeRequestState") or "opened").lower()
    return f"merge request {merge}" if merge and state != "merged" else None
