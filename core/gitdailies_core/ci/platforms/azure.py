"""Azure Pipelines.

Sources: its "Use predefined variables", "Define variables" and "Logging commands" pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gitdailies_core.ci import console
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Variables, branch_of, tag_of
from gitdailies_core.ci.report import Report
from gitdailies_core.ci.settings import INPUTS
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # A stage that is run again stays in its build.
    run=("BUILD_BUILDID",),
    # For a pull request BUILD_SOURCEVERSION is a temporary merge commit.
    sha=("SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"),
    # BUILD_SOURCEBRANCHNAME is only the last part: `tools` of feature/tools.
    branch=("SYSTEM_PULLREQUEST_SOURCEBRANCH",),
    repo_url=("BUILD_REPOSITORY_URI",),
    # Only deployment jobs have it.
    environment=("ENVIRONMENT_NAME",),
    status=("AGENT_JOBSTATUS",),
)


# The template's parameters, such as `webhookKey`: Azure's names have no hyphens.
PARAMETERS = {name: name[0] + name.title().replace("-", "")[1:] for name in INPUTS}

# The agent leaves a reference to an unknown variable as it is.
_UNSET = re.compile(r"^\$\([^()]*\)$")


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Azure has none
    ref = variables.first("BUILD_SOURCEBRANCH")
    on_github = variables.first("BUILD_REPOSITORY_PROVIDER") in ("GitHub", "GitHubEnterprise")
    return TABLE.read(
        variables,
        # Other providers put the name there without the owner.
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


def _inputs(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name. The address and the key refer to variables, which may be missing."""
    read = console.texts(environ)
    for name in ("webhook-url", "webhook-key"):
        if _UNSET.match(read[name].strip()):
            read[name] = ""
    return read


def _log(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. Errors and warnings also appear on the run's page.

    The agent reads its commands anywhere in a line, so a foreign text must not hold one.
    """
    plain = [line.replace("##", "# #") for line in console.lines(report, fails)]
    if report.ok:
        return plain
    issue = f"##vso[task.logissue type={'error' if fails else 'warning'}]"
    notes = len(report.notes)
    return plain[:notes] + [issue + line for line in plain[notes:]]


AZURE = Platform(
    word="azure",
    title="Azure Pipelines",
    marker="TF_BUILD",
    read=_read,
    step=Step(
        agent="gitdailies-azure-pipelines",
        no_key=(
            "; set GITDAILIES_WEBHOOK_KEY as a secret variable of the pipeline or of a variable group, or "
            "pass webhookKey: its reference (runs of forks get no secrets unless the pipeline says so)"
        ),
        folder="BUILD_SOURCESDIRECTORY",
        inputs=_inputs,
        names=PARAMETERS,
        log=_log,
    ),
    turn=70,
)
