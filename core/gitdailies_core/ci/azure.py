"""Azure Pipelines. Source: its "Use predefined variables" page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gitdailies_core.ci.facts import Facts, Platform, Variables, branch_of, tag_of
from gitdailies_core.ci.table import Table

TABLE = Table(
    # A stage that is run again stays in its build.
    run=("BUILD_BUILDID",),
    # On a pull request BUILD_SOURCEVERSION is the throw-away merge commit.
    sha=("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
    # BUILD_SOURCEBRANCHNAME is the last part alone: `tools` of feature/tools.
    branch=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
    repo_url=("BUILD_REPOSITORY_URI",),
    # Deployment jobs alone.
    environment=("ENVIRONMENT_NAME",),
    status=("AGENT_JOBSTATUS",),
)


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Azure has none
    ref = variables.first("BUILD_SOURCEBRANCH")
    on_github = variables.first("BUILD_REPOSITORY_PROVIDER") in ("GitHub", "GitHubEnterprise")
    return TABLE.read(
        variables,
        # With other providers it is the name alone, without an owner.
        repo=variables.first("BUILD_REPOSITORY_NAME") if on_github else None,
        branch=variables.first(*TABLE.branch) or branch_of(ref),
        tag=tag_of(ref),
        url=_url(variables),
    )


def _url(variables: Variables) -> str | None:
    collection, project = variables.first("SYSTEM_COLLECTIONURI"), variables.first("SYSTEM_TEAMPROJECT")
    run = variables.first(*TABLE.run)
    if not (collection and project and run):
        return None
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={run}"


AZURE = Platform("azure", "Azure Pipelines", "TF_BUILD", _read)
