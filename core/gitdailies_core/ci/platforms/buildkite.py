"""Buildkite. Sources: its "Environment variables" and "buildkite-agent oidc" references.

The plugin's options come from the JSON that the agent passes to a plugin's hooks. The agent also sets
variables named after the plugin, but these names change with its folder or repository. Source:
buildkite/agent, agent/plugin/plugin.go (`ConfigurationToEnvironment`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitdailies_core.ci.job.facts import Facts, Run, Start, Starts, Variables, are_two, later_attempt, repo_of
from gitdailies_core.ci.reporting.console import texts
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.error_text import got
from gitdailies_core.errors import UsageError

_CONFIGURATION = "BUILDKITE_PLUGIN_CONFIGURATION"
_KEY_NAME = "webhook-key-env"


class Buildkite(Platform):
    word = "buildkite"
    title = "Buildkite"
    marker = "BUILDKITE"
    turn = 60
    # A retried job stays in its build.
    run = ("BUILDKITE_BUILD_ID",)
    # In builds made by hand this is the word HEAD until the agent's checkout.
    sha = ("BUILDKITE_COMMIT",)
    # If a tag was pushed, this is the tag.
    branch = ("BUILDKITE_BRANCH",)
    tag = ("BUILDKITE_TAG",)
    repo_url = ("BUILDKITE_REPO",)
    environment = ("BUILDKITE_GITHUB_DEPLOYMENT_ENVIRONMENT",)
    url = ("BUILDKITE_BUILD_URL",)
    # Set from post-command on.
    status = ("BUILDKITE_COMMAND_EXIT_STATUS",)
    message = ("BUILDKITE_MESSAGE",)
    pull = ("BUILDKITE_PULL_REQUEST",)
    started = ("BUILDKITE_SOURCE",)
    starts: Mapping[str, Start] = {
        "webhook": Starts.PUSHED,
        "schedule": Starts.SCHEDULED,
        **dict.fromkeys(("api", "ui", "trigger_job"), Starts.BY_HAND),
    }
    agent = "gitdailies-buildkite-plugin"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY from a Buildkite secret or in the agent's environment hook, "
        "or name its variable in webhook-key-env"
    )
    folder = "BUILDKITE_BUILD_CHECKOUT_PATH"
    names: Mapping[str, str] = {}
    # A token has no name of the repository. The pipeline's id is in it only if it is asked for.
    oidc = (
        *("buildkite-agent", "oidc", "request-token", "--audience", "AUDIENCE"),
        *("--claim", "pipeline_id", "--lifetime", "300"),
    )
    no_oidc = "; `buildkite-agent oidc request-token` must work in this job"

    def read(self, variables: Variables) -> Facts:
        found: dict[str, Any] = {"run": self.run_of(variables), "pull": None}
        # A rebuild is a build of its own.
        rebuilt = variables.first("BUILDKITE_REBUILT_FROM_BUILD_ID")
        found["rerun"] = bool(rebuilt or (found["run"] and found["run"].attempt))
        branch = variables.first(*self.branch)
        queued_for = variables.first("BUILDKITE_MERGE_QUEUE_BASE_BRANCH")
        number = variables.first(*self.pull)
        if queued_for:
            found["branch"] = queued_for
        elif number and number.lower() != "false":
            found["fork"] = self._forked(variables, branch)
            # A pull request from the default branch only carries it to another one that is released.
            if found["fork"] or branch != variables.first("BUILDKITE_PIPELINE_DEFAULT_BRANCH"):
                found["pull"] = f"pull request {number}"
        facts = self.facts(variables, status_of="the command", **found)
        webhook_of_more = found["pull"] or variables.first("BUILDKITE_GITHUB_DEPLOYMENT_ID")
        return facts._replace(start=Starts.OF_A_COMMIT) if webhook_of_more else facts

    def run_of(self, variables: Variables) -> Run | None:
        """Return the build. Its variable counts the retries of the job, and no first attempt."""
        build, retries = variables.first(*self.run), variables.first("BUILDKITE_RETRY_COUNT")
        again = str(int(retries) + 1) if retries and retries.isdecimal() else None
        return Run(build, later_attempt(again)) if build else None

    def _forked(self, variables: Variables, branch: str | None) -> bool:
        # A setting of the pipeline puts the fork's owner before the branch. No branch's name has a colon.
        if branch and ":" in branch:
            return True
        own, theirs = variables.first(*self.repo_url), variables.first("BUILDKITE_PULL_REQUEST_REPO")
        return are_two(repo_of(own), repo_of(theirs))

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name: the plugin's option, else the GITDAILIES_* variable of that name.

        Raises UsageError for an option that does not exist, and for a key written into the pipeline.
        """
        read = texts(environ)
        for name, value in _options(environ.get(_CONFIGURATION, "")).items():
            if name == "webhook-key":
                raise UsageError(
                    f"webhook-key: expected {_KEY_NAME}, the name of a variable, got a key in the pipeline"
                )
            if name == _KEY_NAME:
                read["webhook-key"] = environ.get(str(value).strip(), "")
            elif name in read:
                read[name] = _buildkite_text(name, value) or read[name]
            else:
                expected = ", ".join(sorted({*read, _KEY_NAME} - {"webhook-key"}))
                raise UsageError(f"{name}: expected one of {expected}, got an option that does not exist")
        return read


BUILDKITE = Buildkite()


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text) if text.strip() else {}
    except ValueError:
        options = text
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise UsageError(f"{_CONFIGURATION}: expected a JSON object, got {got(options)}")
    return options


def _buildkite_text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and name in ("repo", "paths"):
        return "\n".join(map(str, value))
    if value is None or isinstance(value, (str, int, float)):
        return "" if value is None else str(value)
    raise UsageError(f"{name}: expected a text, got {got(value)}")
