"""Google Cloud Build. Source: its "Substituting variable values" page.

Substitutions reach a step's environment with `automapSubstitutions`, or where `env` names them.
"""

from __future__ import annotations

from typing import Any

from gitdailies_core.ci.job.facts import Facts, Variables, are_two, repo_of
from gitdailies_core.ci.job.table import Table
from gitdailies_core.ci.reporting.console import Step
from gitdailies_core.ci.reporting.platform import Platform

CLOUD_BUILD_TABLE = Table(
    # A build that is retried gets a new id.
    run=("BUILD_ID",),
    sha=("COMMIT_SHA", "REVISION_ID"),
    # For a pull request it is the source.
    branch=("BRANCH_NAME",),
    tag=("TAG_NAME",),
    repo=("REPO_FULL_NAME",),
    pull=("_PR_NUMBER",),
)


def _cloud_build_facts(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Cloud Build has none
    project, location = variables.first("PROJECT_ID"), variables.first("LOCATION") or "global"
    build, url = variables.first(*CLOUD_BUILD_TABLE.run), None
    if project and build:
        url = (
            f"https://console.cloud.google.com/cloud-build/builds;region={location}/{build}?project={project}"
        )
    repo, theirs = variables.first(*CLOUD_BUILD_TABLE.repo), repo_of(variables.first("_HEAD_REPO_URL"))
    # A repository of Cloud Source Repositories has no owner.
    return CLOUD_BUILD_TABLE.read(
        variables,
        repo=repo if repo and "/" in repo else None,
        fork=are_two(theirs, repo),
        url=url,
    )


GOOGLE_CLOUD_BUILD = Platform(
    word="google-cloud-build",
    title="Google Cloud Build",
    # Where a step writes its outputs. The other variables of Cloud Build have names that Jenkins has, too.
    marker="BUILDER_OUTPUT",
    table=CLOUD_BUILD_TABLE,
    read=_cloud_build_facts,
    step=Step(
        agent="gitdailies-google-cloud-build",
        no_key="; set GITDAILIES_WEBHOOK_KEY by secretEnv from Secret Manager",
    ),
)
