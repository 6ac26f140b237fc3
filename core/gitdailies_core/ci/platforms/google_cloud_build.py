"""Google Cloud Build. Source: its "Substituting variable values" page.

Substitutions reach a step's environment with `automapSubstitutions`, or where `env` names them.
"""

from __future__ import annotations

from gitdailies_core.ci.job.facts import Facts, Variables, are_two, repo_of
from gitdailies_core.ci.reporting.platform import Platform


class GoogleCloudBuild(Platform):
    word = "google-cloud-build"
    title = "Google Cloud Build"
    # Where a step writes its outputs. The other variables of Cloud Build have names that Jenkins has, too.
    marker = "BUILDER_OUTPUT"
    # A build that is retried gets a new id.
    run = ("BUILD_ID",)
    sha = ("COMMIT_SHA", "REVISION_ID")
    # For a pull request it is the source.
    branch = ("BRANCH_NAME",)
    tag = ("TAG_NAME",)
    repo = ("REPO_FULL_NAME",)
    pull = ("_PR_NUMBER",)
    agent = "gitdailies-google-cloud-build"
    no_key = "; set GITDAILIES_WEBHOOK_KEY by secretEnv from Secret Manager"

    def read(self, variables: Variables) -> Facts:
        project, location = variables.first("PROJECT_ID"), variables.first("LOCATION") or "global"
        build, url = variables.first(*self.run), None
        if project and build:
            console = "https://console.cloud.google.com/cloud-build/builds"
            url = f"{console};region={location}/{build}?project={project}"
        repo, theirs = variables.first(*self.repo), repo_of(variables.first("_HEAD_REPO_URL"))
        # A repository of Cloud Source Repositories has no owner.
        named = repo if repo and "/" in repo else None
        return self.facts(variables, repo=named, fork=are_two(theirs, repo), url=url)


GOOGLE_CLOUD_BUILD = GoogleCloudBuild()
