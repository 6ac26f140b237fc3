"""Drone. Harness Open Source sets the same variables. Source: its "Environment reference" page."""

from __future__ import annotations

from collections.abc import Mapping

from gitdailies_core.ci.job.facts import Facts, Start, Starts, Variables
from gitdailies_core.ci.reporting.platform import Platform


class Drone(Platform):
    word = "drone"
    title = "Drone"
    marker = "DRONE"
    # A restart and a promotion are builds of their own.
    run = ("DRONE_BUILD_NUMBER",)
    sha = ("DRONE_COMMIT_SHA", "DRONE_COMMIT")
    # For a pull request DRONE_BRANCH and DRONE_COMMIT_BRANCH are the target.
    branch = ("DRONE_COMMIT_BRANCH", "DRONE_BRANCH")
    tag = ("DRONE_TAG",)
    repo = ("DRONE_REPO",)
    repo_url = ("DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL", "DRONE_GIT_SSH_URL")
    # Promotions and rollbacks have it.
    environment = ("DRONE_DEPLOY_TO",)
    url = ("DRONE_BUILD_LINK",)
    # `success` until a step fails.
    status = ("DRONE_BUILD_STATUS",)
    message = ("DRONE_COMMIT_MESSAGE",)
    before = ("DRONE_COMMIT_BEFORE",)
    pull = ("DRONE_PULL_REQUEST",)
    started = ("DRONE_BUILD_EVENT",)
    # A restart has the event of its first build.
    starts: Mapping[str, Start] = {
        "push": Starts.PERHAPS_PUSHED,
        "tag": Starts.PERHAPS_PUSHED,
        "pull_request": Starts.OF_A_COMMIT,
        "cron": Starts.SCHEDULED,
        "custom": Starts.BY_HAND,
        "promote": Starts.PROMOTED,
        "rollback": Starts.PROMOTED,
    }
    agent = "gitdailies-drone"
    no_key = "; set GITDAILIES_WEBHOOK_KEY from a secret that the event may read"
    folder = "DRONE_WORKSPACE"

    def read(self, variables: Variables) -> Facts:
        # A promotion of a pull request's build, and a rollback to it, keeps the number, and is no job of it.
        event_name = variables.first("DRONE_BUILD_EVENT")
        return self.facts(
            variables,
            pull=event_name not in ("promote", "rollback"),
            type="rollback" if event_name == "rollback" else None,
            # No variable tells.
            fork=None,
            status_of="the build so far",
        )


DRONE = Drone()
