"""CircleCI. Sources: its "Project values and variables" and "Pipeline values" references.

The orb passes pipeline values as `PIPELINE_ID` and `PIPELINE_GIT_*`, because no variable of a GitHub App
pipeline names the repository that was checked out. On CircleCI Server some are empty. The orb passes its
parameters as PARAM_NAME. It gets the name of the key's variable, as in CircleCI's "Orb author best
practices".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Run, Variables
from gitdailies_core.ci.settings import INPUTS
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # A workflow that runs again gets a new id, but keeps its pipeline.
    run=("PIPELINE_ID", "CIRCLE_PIPELINE_ID"),
    sha=("PIPELINE_GIT_REVISION", "CIRCLE_SHA1"),
    # Not set if the pipeline builds a tag.
    branch=("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH"),
    tag=("PIPELINE_GIT_TAG", "CIRCLE_TAG"),
    repo_url=("CIRCLE_REPOSITORY_URL",),
    url=("CIRCLE_BUILD_URL",),
    status=("GITDAILIES_JOB_STATUS",),
    pull=("CIRCLE_PR_NUMBER", "CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS"),
)

# Owner and name are two variables. Those of the checkout come first: in a GitHub App pipeline,
# configuration, trigger and code may come from three repositories.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)


# The orb's parameters. A template cannot read a name with a hyphen.
PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}

_REFERENCE = r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))"


# For a forked pull request the branch is `pull/7` or `pull/7/head`.
_FORK = r"^pull/([0-9]+)(?:/(?:head|merge))?$"
# A pull request from such a branch only carries it to another one that is released.
_TRUNKS = ("main", "master", "trunk")


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  CircleCI has none
    repo = None
    for pair in _OWNER_AND_NAME:
        owner, name = map(variables.first, pair)
        if owner and name:
            repo = f"{owner}/{name}"
            break
    branch = variables.first(*TABLE.branch)
    forked = re.match(_FORK, branch or "")
    # Only jobs of forked pull requests have its number as a variable.
    number = forked[1] if forked else variables.first("CIRCLE_PR_NUMBER")
    page = (variables.first("CIRCLE_PULL_REQUEST", "CIRCLE_PULL_REQUESTS") or "").split(",")[0].rstrip("/")
    # A branch that has an open pull request, other than the one that others are merged into.
    pull = number or (page.rpartition("/")[2] if branch and branch not in _TRUNKS else None)
    return TABLE.read(
        variables,
        repo=repo,
        run=_run(variables),
        pull=f"pull request {pull}" if pull else None,
        fork=f"the run is of pull request {number}, of a fork" if number else False,
    )


def _run(variables: Variables) -> Run | None:
    """Return the pipeline. A workflow that runs again has another id than its workspace.

    The workspace is the one of the first run, and a pipeline may have several workflows that deploy.
    """
    workflow = variables.first("CIRCLE_WORKFLOW_ID")
    first = variables.first("CIRCLE_WORKFLOW_WORKSPACE_ID") or workflow or variables.first("CIRCLE_BUILD_URL")
    if not first:
        return None
    again = workflow if workflow != first else None
    named = (first, again) if again else (first,)
    return Run(variables.first(*TABLE.run) or first, again, named)


def _inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name: the orb's parameters, else GITDAILIES_* as on any other platform."""
    read = console.texts(environ, "PARAM_")
    filled = {name: _filled_in(text, environ) for name, text in read.items()}
    # The parameter holds the name of the variable that holds the key.
    named = environ.get("PARAM_WEBHOOK_KEY", "").strip()
    filled["webhook-key"] = environ.get(named, "") if named else read["webhook-key"]
    return filled


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Replace `$NAME` and `${NAME}` by the variables. If one is not set, return its reference alone.

    Core refuses a bare reference. A value with a part missing would look valid.
    """
    for found in re.finditer(_REFERENCE, text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return re.sub(_REFERENCE, lambda found: environ[found[1] or found[2]], text)


CIRCLECI = Platform(
    word="circleci",
    title="CircleCI",
    marker="CIRCLECI",
    read=_read,
    step=Step(
        agent="gitdailies-circleci-orb",
        no_key=(
            "; put it into a context or the project's environment variables as GITDAILIES_WEBHOOK_KEY, or "
            "name its variable in webhook_key (forked pull requests get none unless the project passes "
            "secrets to them)"
        ),
        inputs=_inputs,
        names=PARAMETERS,
    ),
    turn=20,
)
