"""CircleCI. Sources: its "Project values and variables" and "Pipeline values" references.

The orb hands pipeline values in as `PIPELINE_GIT_*`, since no variable of a GitHub App pipeline
names the repository that was checked out; on CircleCI Server they are empty. It hands its parameters
in as PARAM_NAME, and key variables by name, as CircleCI's "Orb author best practices" has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Variables
from gitdailies_core.ci.settings import INPUTS
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # A workflow that is run again gets a new id and keeps its workspace's.
    run=("CIRCLE_WORKFLOW_WORKSPACE_ID", "CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_URL"),
    sha=("PIPELINE_GIT_REVISION", "CIRCLE_SHA1"),
    # A pipeline of a tag has none.
    branch=("PIPELINE_GIT_BRANCH", "CIRCLE_BRANCH"),
    tag=("PIPELINE_GIT_TAG", "CIRCLE_TAG"),
    repo_url=("CIRCLE_REPOSITORY_URL",),
    url=("CIRCLE_BUILD_URL",),
    status=("GITDAILIES_JOB_STATUS",),
)

# Owner and name come apart; the checked-out repository's go first, since configuration, trigger
# and code of a GitHub App pipeline may come from three.
_OWNER_AND_NAME = (
    ("PIPELINE_GIT_REPO_OWNER", "PIPELINE_GIT_REPO_NAME"),
    ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME"),
)


# The orb's parameters: a template can read none whose name has a hyphen.
PARAMETERS = {name: name.replace("-", "_") for name in INPUTS}

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  CircleCI has none
    repo = None
    for pair in _OWNER_AND_NAME:
        owner, name = map(variables.first, pair)
        if owner and name:
            repo = f"{owner}/{name}"
            break
    # `pull/7` and `pull/7/head` are what a pipeline of a forked pull request has for a branch.
    branch = variables.first(*TABLE.branch)
    if branch and branch.startswith("pull/"):
        number = branch.split("/")[1]
        no_branch = f"the run is of pull request {number}"
        return TABLE.read(variables, repo=repo, branch=None, no_branch=no_branch)
    return TABLE.read(variables, repo=repo)


def _inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name; the address may also stand in GITDAILIES_WEBHOOK_URL."""
    read = console.texts(environ, "PARAM_")
    filled = {name: _filled_in(text, environ) for name, text in read.items()}
    if not filled["webhook-url"].strip():
        filled["webhook-url"] = environ.get("GITDAILIES_WEBHOOK_URL", "")
    # The parameter holds the name of the variable that holds the key.
    filled["webhook-key"] = environ.get(read["webhook-key"].strip(), "")
    return filled


def _filled_in(text: str, environ: Mapping[str, str]) -> str:
    """Put in what `$NAME` and `${NAME}` stand for; where one of them is not set, return that one.

    Half a value would be reported as a whole one; of a bare reference core says that nothing
    filled it in.
    """
    for found in _REFERENCE.finditer(text):
        if (found[1] or found[2]) not in environ:
            return found[0]
    return _REFERENCE.sub(lambda found: environ[found[1] or found[2]], text)


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
