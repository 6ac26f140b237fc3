"""Bitbucket Pipelines. Sources: its "Variables and secrets" page, its blog on audiences of OIDC."""

from __future__ import annotations

from gitdailies_core.ci.job.facts import Facts, Variables
from gitdailies_core.ci.reporting.platform import Platform


class Bitbucket(Platform):
    word = "bitbucket"
    title = "Bitbucket Pipelines"
    marker = "BITBUCKET_BUILD_NUMBER"
    # Each repository counts its own builds. The deploy's id holds the repository, too.
    run = ("BITBUCKET_BUILD_NUMBER",)
    attempt = ("BITBUCKET_STEP_RUN_NUMBER",)
    sha = ("BITBUCKET_COMMIT",)
    # Not set if the run builds a tag.
    branch = ("BITBUCKET_BRANCH",)
    tag = ("BITBUCKET_TAG",)
    repo = ("BITBUCKET_REPO_FULL_NAME",)
    repo_url = ("BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN")
    # Only steps with `deployment:` have it.
    environment = ("BITBUCKET_DEPLOYMENT_ENVIRONMENT",)
    # Only set in after-script.
    status = ("BITBUCKET_EXIT_CODE",)
    # Pipelines of a fork's pull request run in the fork.
    pull = ("BITBUCKET_PR_ID",)
    agent = "gitdailies-bitbucket-pipelines"
    no_key = "; set GITDAILIES_WEBHOOK_KEY as a secured variable of the workspace, repository or deployment"
    folder = "BITBUCKET_CLONE_DIR"
    oidc = ("BITBUCKET_STEP_OIDC_TOKEN",)
    no_oidc = "; give the step `oidc: {audiences: [AUDIENCE]}`"

    def read(self, variables: Variables) -> Facts:
        repo, run = variables.first(*self.repo), variables.first(*self.run)
        # No variable holds the run's address.
        url = f"https://bitbucket.org/{repo}/pipelines/results/{run}" if repo and run else None
        return self.facts(variables, url=url, status_of="the script")


BITBUCKET = Bitbucket()
