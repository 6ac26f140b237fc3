"""GitLab CI.

Sources: its "Predefined CI/CD variables reference", "CI/CD variable precedence" and
"allow_failure:exit_codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci import console
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Variables
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # A retried job stays in its pipeline.
    run=("CI_PIPELINE_ID",),
    # Only merged-result pipelines have the first. Their CI_COMMIT_SHA is a temporary merge commit.
    sha=("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"),
    # CI_COMMIT_REF_NAME may be a branch or a tag. Merge request pipelines have no CI_COMMIT_BRANCH.
    branch=("CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
    tag=("CI_COMMIT_TAG",),
    repo=("CI_PROJECT_PATH",),
    repo_url=("CI_REPOSITORY_URL",),
    # The name, because the slug is a shortened and changed form of it.
    environment=("CI_ENVIRONMENT_NAME",),
    url=("CI_PIPELINE_URL",),
)

# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  GitLab has none
    action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
    status = variables.first("CI_JOB_STATUS")
    return TABLE.read(
        variables,
        # The status is `running` until after_script.
        status=None if status == "running" else status,
        skip=f"the environment's action is {action}, which deploys nothing" if action in _NO_DEPLOY else None,
    )


def _inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name: the component's, else the GITDAILIES_* variable of that name.

    The component passes INPUT_*, because a project's variable overrides a job's of the same name.
    """
    inputs, own = console.texts(environ, "INPUT_"), console.texts(environ)
    read = {name: text if text.strip() else own[name] for name, text in inputs.items()}
    named = environ.get("INPUT_WEBHOOK_KEY_ENV", "").strip()
    if named:
        read["webhook-key"] = environ.get(named, "")
    return read


def _warned(environ: Mapping[str, str]) -> int:
    """Return the exit code of a warning: the one that the component allows its job to fail with, else 0."""
    code = environ.get("GITDAILIES_WARNING_EXIT", "")
    return int(code) if code.isdecimal() else 0


GITLAB = Platform(
    word="gitlab",
    title="GitLab CI",
    marker="GITLAB_CI",
    read=_read,
    step=Step(
        agent="gitdailies-gitlab-component",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY as a masked CI/CD variable of the project or group, or name its "
            "variable in webhook-key-env (a protected variable reaches protected branches and tags alone)"
        ),
        folder="CI_PROJECT_DIR",
        inputs=_inputs,
        names=console.SAME_NAMES,
        warned=_warned,
    ),
    turn=50,
)
