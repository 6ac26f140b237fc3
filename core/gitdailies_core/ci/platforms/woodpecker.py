"""Woodpecker CI. Source: its "Environment variables" page."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci.job.facts import Facts, Start, Starts, Variables
from gitdailies_core.ci.reporting.platform import Platform


class Woodpecker(Platform):
    word = "woodpecker"
    title = "Woodpecker CI"
    # CI is `woodpecker` there, and `true` on most other platforms.
    marker = "CI_SYSTEM_NAME"
    # A restart and a deployment are pipelines of their own.
    run = ("CI_PIPELINE_NUMBER",)
    sha = ("CI_COMMIT_SHA",)
    # For a pull request it is the target.
    branch = ("CI_COMMIT_BRANCH",)
    tag = ("CI_COMMIT_TAG",)
    repo = ("CI_REPO",)
    repo_url = ("CI_REPO_CLONE_URL", "CI_REPO_URL")
    # The event `deployment` has it.
    environment = ("CI_PIPELINE_DEPLOY_TARGET",)
    url = ("CI_PIPELINE_URL",)
    # `success` until a step fails; version 3 has it no longer.
    status = ("CI_PIPELINE_STATUS",)
    message = ("CI_COMMIT_MESSAGE",)
    pull = ("CI_COMMIT_PULL_REQUEST",)
    started = ("CI_PIPELINE_EVENT",)
    starts: Mapping[str, Start] = {
        "push": Starts.PUSHED,
        "tag": Starts.PERHAPS_PUSHED,
        "release": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "manual": Starts.BY_HAND,
        "deployment": Starts.PROMOTED,
        **dict.fromkeys(("pull_request", "pull_request_closed", "pull_request_metadata"), Starts.OF_A_COMMIT),
    }
    agent = "gitdailies-woodpecker"
    no_key = "; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"
    folder = "CI_WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        # A deployment of a pull request's pipeline keeps the number, and is no job of it.
        event_name = variables.first("CI_PIPELINE_EVENT") or ""
        # A restart and a deployment name the pipeline that they are of, and others 0.
        parent = variables.first("CI_PIPELINE_PARENT")
        facts = self.facts(
            variables,
            pull=event_name.startswith("pull_request"),
            rerun=parent not in (None, "0") and event_name != "deployment",
            # No variable tells.
            fork=None,
            status_of="the pipeline so far",
        )
        is_unsure = parent is None and facts.start is Starts.PUSHED
        return facts._replace(start=Starts.PERHAPS_PUSHED) if is_unsure else facts


WOODPECKER = Woodpecker()
