"""Azure Pipelines.

Sources: its "Use predefined variables", "Define variables", "Logging commands" and "Release variables
and debugging" pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from gitdailies_core.ci.job.facts import (
    Facts,
    Resource,
    Run,
    Start,
    Starts,
    Variables,
    branch_of,
    full_sha,
    tag_of,
)
from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.ci.job.userinfo import without_user
from gitdailies_core.ci.reporting.console import lines
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.reporting.report import Report
from gitdailies_core.ci.reporting.settings import INPUTS

# The template's parameters, such as `webhookKey`: Azure's names have no hyphens.
AZURE_PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}
# Each pipeline of `resources` has variables, with its alias in the middle.
_RESOURCE, _OF_RESOURCE = "RESOURCES_PIPELINE_", "_SOURCECOMMIT"
_ISSUE = "##vso[task.logissue type="
# The agent leaves a reference to an unknown variable as it is.
_UNSET = r"^\$\([^()]*\)$"


class Azure(Platform):
    word = "azure"
    title = "Azure Pipelines"
    marker = "TF_BUILD"
    turn = 70
    # A stage that is run again stays in its build.
    run = ("BUILD_BUILDID",)
    attempt = ("SYSTEM_STAGEATTEMPT", "SYSTEM_JOBATTEMPT")
    # For a pull request BUILD_SOURCEVERSION is a temporary merge commit.
    sha = ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION")
    # BUILD_SOURCEBRANCHNAME is only the last part: `tools` of feature/tools.
    branch = ("SYSTEM_PULLREQUEST_SOURCEBRANCH",)
    repo_url = ("BUILD_REPOSITORY_URI",)
    # Deployment jobs have the first, stages of a classic release the second.
    environment = ("ENVIRONMENT_NAME", "RELEASE_ENVIRONMENTNAME")
    status = ("AGENT_JOBSTATUS",)
    pull = ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID")
    started = ("BUILD_REASON",)
    starts: Mapping[str, Start] = {
        **dict.fromkeys(("IndividualCI", "BatchedCI"), Starts.PUSHED),
        **dict.fromkeys(("PullRequest", "CheckInShelveset", "ValidateShelveset"), Starts.OF_A_COMMIT),
        "Schedule": Starts.SCHEDULED,
        "Manual": Starts.BY_HAND,
        **dict.fromkeys(("ResourceTrigger", "BuildCompletion"), Starts.OF_NO_COMMIT),
    }
    agent = "gitdailies-azure-pipelines"
    no_key = (
        "; set GITDAILIES_WEBHOOK_KEY as a secret variable of the pipeline or of a variable group, or "
        "pass webhookKey: its reference (runs of forks get no secrets unless the pipeline says so)"
    )
    folder = "BUILD_SOURCESDIRECTORY"
    names = AZURE_PARAMETERS

    def read(self, variables: Variables) -> Facts:
        ref = variables.first("BUILD_SOURCEBRANCH")
        found: dict[str, Any] = {
            "repo": self._repo(variables),
            "branch": variables.first(*self.branch) or branch_of(ref),
            "tag": tag_of(ref),
            "pull": self._pull(variables),
            "fork": (variables.first("SYSTEM_PULLREQUEST_ISFORK") or "").lower() == "true",
        }
        if variables.first("RELEASE_RELEASEID", "RELEASE_DEPLOYMENTID"):
            found.update(_of_release(variables))
        else:
            found["url"] = self._url(variables)
            found["resource"] = _resource(variables)
        return self.facts(variables, **found)

    def _pull(self, variables: Variables) -> str | None:
        number = variables.first(*self.pull)
        if number:
            return f"pull request {number}"
        reason = variables.first("BUILD_REASON", "RELEASE_REASON") or ""
        ref = variables.first("BUILD_SOURCEBRANCH") or ""
        return "a pull request" if reason == "PullRequest" or ref.startswith("refs/pull/") else None

    def _repo(self, variables: Variables) -> str | None:
        name, address = variables.first("BUILD_REPOSITORY_NAME"), variables.first(*self.repo_url) or ""
        # Other providers put the name there without the owner.
        if variables.first("BUILD_REPOSITORY_PROVIDER") in ("GitHub", "GitHubEnterprise"):
            return name
        collection = variables.first("SYSTEM_COLLECTIONURI")
        if collection and "/_git/" in address:
            # A server may be below a path of its own. The collection's address shows it.
            where = urlsplit(without_user(collection))
            base = where.path.rstrip("/").rpartition("/")[0]
            here = urlsplit(without_user(address))
            if base and here.path.startswith(base + "/"):
                return slug(f"{here.scheme}://{here.netloc}{here.path[len(base) :]}")
        return slug(address)

    def _url(self, variables: Variables) -> str | None:
        collection, project = variables.first("SYSTEM_COLLECTIONURI"), variables.first("SYSTEM_TEAMPROJECT")
        run = variables.first(*self.run)
        if not (collection and project and run):
            return None
        return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={run}"

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the inputs, by name. The address and the key refer to variables, which may be missing."""
        read = super().inputs(environ)
        for name in ("webhook-url", "webhook-key"):
            if re.match(_UNSET, read[name].strip()):
                read[name] = ""
        return read

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. Errors and warnings also appear on the run's page.

        The agent reads its commands anywhere in a line, so a foreign text must not hold one.
        """
        plain = [line.replace("##", "# #") for line in lines(report, fails)]
        notes, warned = len(report.notes), len(report.notes) + len(report.warnings)
        shown = plain[:notes] + [f"{_ISSUE}warning]{line}" for line in plain[notes:warned]]
        if report.ok:
            return shown + plain[warned:]
        return shown + [f"{_ISSUE}{'error' if fails else 'warning'}]{line}" for line in plain[warned:]]


AZURE = Azure()


def _resource(variables: Variables) -> Resource | None:
    """Return the pipeline of `resources` that triggered the run, else the only one."""
    alias = re.sub(r"\W", "_", variables.first("RESOURCES_TRIGGERINGALIAS") or "").upper()
    found = [name for name in variables.names(_RESOURCE, _OF_RESOURCE) if alias in ("", name)]
    sha = full_sha(variables.first(_RESOURCE + found[0] + _OF_RESOURCE)) if len(found) == 1 else None
    if not sha:
        return None
    name = (variables.first("RESOURCES_TRIGGERINGALIAS") if alias else None) or found[0].lower()
    return Resource(
        f"the pipeline resource {name}",
        sha,
        branch_of(variables.first(f"{_RESOURCE}{found[0]}_SOURCEBRANCH")),
        f"if the resource was deployed, set sha: $(resources.pipeline.{name}.sourceCommit) and, if its "
        "repository is another, repo",
    )


def _of_release(variables: Variables) -> dict[str, Any]:
    """Read a classic release. A stage that is deployed again is another deployment of it.

    The primary artifact gives the repository and the commit. Variables of a build have them, or those of
    the artifact do.
    """
    release, deployment = variables.first("RELEASE_RELEASEID"), variables.first("RELEASE_DEPLOYMENTID")
    alias = re.sub(r"\W", "_", variables.first("RELEASE_PRIMARYARTIFACTSOURCEALIAS") or "").upper()
    artifact = f"RELEASE_ARTIFACTS_{alias}_"
    ref = variables.first("BUILD_SOURCEBRANCH", artifact + "SOURCEBRANCH")
    return {
        "run": Run(release or deployment or "", deployment, (deployment,) if deployment else ()),
        # Each stage is another deployment, also the first time.
        "rerun": False,
        "sha": variables.first("BUILD_SOURCEVERSION", artifact + "SOURCEVERSION"),
        "branch": branch_of(ref),
        "tag": tag_of(ref),
        "url": variables.first("RELEASE_RELEASEWEBURL"),
    }
