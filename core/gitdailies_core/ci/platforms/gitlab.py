"""GitLab CI.

Sources: its "Predefined CI/CD variables reference", "CI/CD variable precedence", "allow_failure:exit_codes"
and "OpenID Connect (OIDC) authentication using ID tokens".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.job.facts import Facts, Run, Start, Starts, Variables, are_two
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.events.field_types import TIERS

# CI_ENVIRONMENT_ACTION other than `start`: https://docs.gitlab.com/ci/yaml/#environmentaction
_NO_DEPLOY = ("stop", "prepare", "verify", "access")

# Where the branch is from, and the repository that it is to be merged into.
_ORIGIN_AND_AIM = (
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "CI_PROJECT_PATH"),
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    ("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"),
)


class GitLab(Platform):
    word = "gitlab"
    title = "GitLab CI"
    marker = "GITLAB_CI"
    turn = 50
    # A retried job stays in its pipeline. The id of a job is its attempt.
    run = ("CI_PIPELINE_ID",)
    # Only merged-result pipelines have the first. Their CI_COMMIT_SHA is a temporary merge commit.
    sha = ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA")
    # CI_COMMIT_REF_NAME may be a branch or a tag. Merge request pipelines have no CI_COMMIT_BRANCH.
    branch = (
        "CI_COMMIT_BRANCH",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
    )
    tag = ("CI_COMMIT_TAG",)
    repo = ("CI_PROJECT_PATH",)
    repo_url = ("CI_REPOSITORY_URL",)
    # The name, because the slug is a shortened and changed form of it.
    environment = ("CI_ENVIRONMENT_NAME",)
    url = ("CI_PIPELINE_URL",)
    message = ("CI_COMMIT_MESSAGE",)
    # `running` until after_script.
    status = ("CI_JOB_STATUS",)
    pull = ("CI_MERGE_REQUEST_IID", "CI_EXTERNAL_PULL_REQUEST_IID")
    # Zeros for a new branch and in pipelines of merge requests.
    before = ("CI_COMMIT_BEFORE_SHA",)
    started = ("CI_PIPELINE_SOURCE",)
    starts: Mapping[str, Start] = {
        "push": Starts.OF_A_COMMIT,
        "merge_request_event": Starts.OF_A_COMMIT,
        "external_pull_request_event": Starts.OF_A_COMMIT,
        **dict.fromkeys(
            (
                *("api", "chat", "ondemand_dast_scan", "ondemand_dast_validation", "parent_pipeline"),
                *("pipeline", "schedule", "security_orchestration_policy", "trigger", "web", "webide"),
            ),
            Starts.OF_NO_COMMIT,
        ),
    }
    agent = "gitdailies-gitlab-component"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY as a masked CI/CD variable of the project or group, or name its "
        "variable in webhook-key-env (a protected variable reaches protected branches and tags alone)"
    )
    folder = "CI_PROJECT_DIR"
    # The component passes INPUT_*, because a project's variable overrides a job's of the same name.
    prefix = "INPUT_"
    key_name = "INPUT_WEBHOOK_KEY_ENV"
    names: Mapping[str, str] = {}
    oidc = ("GITDAILIES_ID_TOKEN",)
    no_oidc = "; give the job `id_tokens: {GITDAILIES_ID_TOKEN: {aud: AUDIENCE}}`"

    def read(self, variables: Variables) -> Facts:
        action = (variables.first("CI_ENVIRONMENT_ACTION") or "").lower()
        tier = (variables.first("CI_ENVIRONMENT_TIER") or "").lower()
        skip = f"the environment's action is {action}, which deploys nothing"
        found: dict[str, Any] = {}
        if variables.first("CI_MERGE_REQUEST_EVENT_TYPE") == "merge_train":
            # A train builds what the target branch becomes.
            found["branch"], found["pull"] = variables.first("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"), None
        else:
            found["pull"] = _gitlab_pull(variables)
            found["fork"] = any(are_two(*map(variables.first, pair)) for pair in _ORIGIN_AND_AIM)
        facts = self.facts(
            variables,
            rerun=False,
            tier=tier if tier in TIERS else None,
            skip=skip if action in _NO_DEPLOY else None,
            **found,
        )
        # A rollback and a retry keep the source of their pipeline, so no deploy is a push for certain.
        return facts._replace(start=facts.start._replace(trigger="other"))

    def run_of(self, variables: Variables) -> Run | None:
        # "Rollback environment" and a retry run a job again, under another id in the same pipeline.
        pipeline, job = variables.first(*self.run), variables.first("CI_JOB_ID")
        return Run(pipeline, job) if pipeline else None

    def warned(self, environ: Mapping[str, str]) -> int:
        """Return the exit code that the component allows its job to fail with, else 0."""
        code = environ.get("GITDAILIES_WARNING_EXIT", "")
        return int(code) if code.isdecimal() else 0


GITLAB = GitLab()


def _gitlab_pull(variables: Variables) -> str | None:
    merge, external = variables.first("CI_MERGE_REQUEST_IID"), variables.first("CI_EXTERNAL_PULL_REQUEST_IID")
    if merge or variables.first("CI_PIPELINE_SOURCE") == "merge_request_event":
        return f"merge request {merge}" if merge else "a merge request"
    return f"pull request {external}" if external else None
