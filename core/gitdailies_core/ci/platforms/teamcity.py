"""TeamCity.

Few of its parameters are in the environment. `ADDED` has those that the page tells a user to add, each as
`env.NAME`. Source: its "List of Predefined Build Parameters".
"""

from __future__ import annotations

import re

from gitdailies_core.ci.job.facts import Facts, Variables, branch_of, tag_of
from gitdailies_core.ci.reporting.platform import Platform

# Variables that TeamCity does not set by itself, and the parameters that fill them.
ADDED = {
    "TEAMCITY_BUILD_ID": "teamcity.build.id",
    "TEAMCITY_BUILD_BRANCH": "teamcity.build.branch",
    "TEAMCITY_VCS_URL": "vcsroot.url",
}
# The default branch, if the VCS root has no name for it.
_DEFAULT = "<default>"
# The feature "Pull Requests" names such branches.
_PULL = r"^(?:refs/)?(?:pull|pull-requests|merge-requests|pullrequest)/([0-9]+)(?:/|$)"


class TeamCity(Platform):
    word = "teamcity"
    title = "TeamCity"
    marker = "TEAMCITY_VERSION"
    # A build that runs again is a build of its own.
    run = ("TEAMCITY_BUILD_ID", "BUILD_URL")
    sha = ("BUILD_VCS_NUMBER",)
    branch = ("TEAMCITY_BUILD_BRANCH",)
    repo_url = ("TEAMCITY_VCS_URL",)
    url = ("BUILD_URL",)
    agent = "gitdailies-teamcity"
    no_key = "; add the parameter env.GITDAILIES_WEBHOOK_KEY of type Password to the build configuration"

    def read(self, variables: Variables) -> Facts:
        ref = variables.first(*self.branch)
        found = re.match(_PULL, ref or "")
        return self.facts(
            variables,
            branch=None if found or ref == _DEFAULT else branch_of(ref),
            tag=tag_of(ref),
            pull=f"pull request {found[1]}" if found else None,
            # Only the number of a pull request is known.
            fork=None,
        )


TEAMCITY = TeamCity()
