"""CircleCI. Sources: its "Project values and variables" and "Pipeline values" references, "Set up rollbacks".

The orb passes pipeline values as `PIPELINE_ID` and `PIPELINE_GIT_*`, because no variable of a GitHub App
pipeline names the repository that was checked out. On CircleCI Server some are empty. What a person chose on
the Deploys page is `PIPELINE_DEPLOY_*`. The orb passes its parameters as PARAM_NAME. It gets the name of the
key's variable, as in CircleCI's "Orb author best practices".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.job.facts import Facts, Run, Starts, Variables, full_sha
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.reporting.settings import INPUTS
from gitdailies_core.error_text import got

# Owner and name are two variables. Those of the checkout come first: in a GitHub App pipeline,
# configuration, trigger and code may come from three repositories.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)

# The orb's parameters. A template cannot read a name with a hyphen.
CIRCLECI_PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}
_REFERENCE = r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))"
# For a forked pull request the branch is `pull/7` or `pull/7/head`.
_FORK = r"^pull/([0-9]+)(?:/(?:head|merge))?$"
# A pull request from such a branch only carries it to another one that is released.
_TRUNKS = ("main", "master", "trunk")


class CircleCI(Platform):
    word = "circleci"
    title = "CircleCI"
    marker = "CIRCLECI"
    turn = 20
    # A workflow that runs again gets a new id, but keeps its pipeline.
    run = ("PIPELINE_ID", "CIRCLE_PIPELINE_ID")
    sha = ("PIPELINE_GIT_REVISION", "CIRCLE_SHA1")
    # Not set if the pipeline builds a tag.
    branch = ("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH")
    tag = ("PIPELINE_GIT_TAG", "CIRCLE_TAG")
    repo_url = ("CIRCLE_REPOSITORY_URL",)
    url = ("CIRCLE_BUILD_URL",)
    status = ("GITDAILIES_JOB_STATUS",)
    pull = ("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS")
    agent = "gitdailies-circleci-orb"
    prefix = "PARAM_"
    # The parameter holds the name of the variable that holds the key.
    key_name = "PARAM_WEBHOOK_KEY"
    no_key = (
        "; put it into a context or the project's environment variables as GITDAILIES_WEBHOOK_KEY, or "
        "name its variable in webhook_key (forked pull requests get none unless the project passes "
        "secrets to them)"
    )
    names = CIRCLECI_PARAMETERS
    # CIRCLE_OIDC_TOKEN_V2 is for the organization, and other services take it. It is never sent.
    # Source: its "OIDC tokens with custom claims".
    oidc = ("circleci", "run", "oidc", "get", "--claims", '{"aud": "AUDIENCE"}')
    no_oidc = "; `circleci run oidc get` must work in this job, which is not that of a fork"

    def read(self, variables: Variables) -> Facts:
        pairs = (map(variables.first, pair) for pair in _OWNER_AND_NAME)
        repo = next((f"{owner}/{name}" for owner, name in pairs if owner and name), None)
        branch = variables.first(*self.branch)
        found = self._of_deploys(variables)
        forked = re.match(_FORK, branch or "")
        # Only jobs of forked pull requests have its number as a variable.
        number = forked[1] if forked else variables.first("CIRCLE_PR_NUMBER")
        page = (
            (variables.first("CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS") or "").split(",")[0].rstrip("/")
        )
        # A branch that has an open pull request, other than the one that others are merged into.
        pull = number or (page.rpartition("/")[2] if branch and branch not in _TRUNKS else None)
        return self.facts(
            variables,
            repo=repo,
            pull=f"pull request {pull}" if pull else None,
            fork=f"the run is of pull request {number}, of a fork" if number else False,
            **found,
        )

    def _of_deploys(self, variables: Variables) -> dict[str, Any]:
        """Read what a person chose on the Deploys page, which starts a pipeline of the default branch's tip.

        The page takes any text as a version. Only a rollback has the version that it is from, or a reason.
        """
        version = variables.first("PIPELINE_DEPLOY_TARGET_VERSION")
        if not version:
            return {}
        back = variables.first("PIPELINE_DEPLOY_CURRENT_VERSION", "PIPELINE_DEPLOY_REASON")
        sha = full_sha(version)
        found = {
            "start": Starts.PROMOTED,
            "environment": variables.first("PIPELINE_DEPLOY_ENVIRONMENT_NAME"),
            "service": variables.first("PIPELINE_DEPLOY_COMPONENT_NAME"),
            "type": "rollback" if back else None,
        }
        if sha:
            return {**found, "sha": sha, "branch": None, "tag": None, "message": None}
        tip = full_sha(variables.first(*self.sha)) or ""
        warning = f"the pipeline deploys version {got(version)}, the run is of {tip[:7]}, which is reported; "
        # A job may check that version out by itself.
        warnings = (warning + "set sha to the commit of that version",)
        return {**found, "start": Starts.BY_HAND, "warnings": warnings}

    def run_of(self, variables: Variables) -> Run | None:
        """Return the pipeline. A workflow that runs again has another id than its workspace.

        The workspace is the one of the first run, and a pipeline may have several workflows that deploy.
        """
        workflow = variables.first("CIRCLE_WORKFLOW_ID")
        first = (
            variables.first("CIRCLE_WORKFLOW_WORKSPACE_ID") or workflow or variables.first("CIRCLE_BUILD_URL")
        )
        if not first:
            return None
        again = workflow if workflow != first else None
        named = (first, again) if again else (first,)
        return Run(variables.first(*self.run) or first, again, named)

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name: the orb's parameters, else GITDAILIES_* as on any other platform."""
        read = super().inputs(environ)
        return {
            name: text if name == "webhook-key" else _filled_in(text, environ) for name, text in read.items()
        }


CIRCLECI = CircleCI()


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by the variables. If one is not set, return its reference alone.

    Core refuses a bare reference. A value with a part missing would look valid.
    """
    for found in re.finditer(_REFERENCE, text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return re.sub(_REFERENCE, lambda found: environ[found[1] or found[2]], text)
