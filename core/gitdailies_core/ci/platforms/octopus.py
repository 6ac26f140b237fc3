"""Octopus Deploy. Names are Octopus's own.

Octopus knows a repository only from build information that a build server pushed. The step asks for
the variables of `ASKED`. In a Python step, Octopus adds the function `get_octopusvariable`. The Bash
template passes the variables on standard input: a process list does not show them there, and no limit
on the size of an environment applies. Sources: its "System variables" reference; its agent's service
messages, `##octopus[...]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Callable

from gitdailies_core.ci import console
from gitdailies_core.ci.console import Step
from gitdailies_core.ci.facts import Facts, Target, Variables, branch_of, commit, full_sha
from gitdailies_core.ci.git_url import slug
from gitdailies_core.ci.report import Report
from gitdailies_core.ci.settings import INPUTS
from gitdailies_core.ci.table import Platform, Table

TABLE = Table(
    # Octopus.Release.Git.* name the repository of the deployment process, not the application's.
    run=("Octopus.Deployment.Id",),
    environment=("Octopus.Environment.Name",),
)

# JSON. Octopus.Release.Package and .Builds do not exist in steps, only in release notes.
_CHANGES = "Octopus.Deployment.Changes"
_RELEASE = "Octopus.Release.Number"
_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"
_ERROR = "Octopus.Deployment.Error"
# No time: the form of Octopus.Deployment.Created depends on the server's language.
NAMES = (*TABLE.run, *TABLE.environment, _CHANGES, _RELEASE, _SERVER, _LINK, _ERROR)

# A template's parameter is a variable of this name. No other step has one with this prefix.
PARAMETERS = {name: "GitDailies." + name.title().replace("-", "") for name in INPUTS}
ASKED = (*NAMES, *PARAMETERS.values())

_LENDS = "get_octopusvariable"
# An older agent's Bash function prints this for a variable that does not exist.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')
_MARK = "##octopus["

_REMEDY = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"


def _read(variables: Variables, event: Any) -> Facts:  # noqa: ARG001  Octopus has none
    server, link = variables.first(_SERVER), variables.first(_LINK)
    targets, notes = _targets(variables.first(_CHANGES), variables.first(_RELEASE))
    return TABLE.read(
        variables,
        targets=targets,
        url=server.rstrip("/") + "/" + link.lstrip("/") if server and link else None,
        status="failed" if variables.first(_ERROR) else None,
        status_of="the deployment",
        notes=notes,
        remedy=_REMEDY,
    )


def _targets(text: str | None, release: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the repositories of a release's packages, each with its commit and the new commits.

    The list holds every release since the last one in this environment. The entry of *release* names
    the deployed commit; all entries together name the new commits.
    """
    try:
        changes = json.loads(text) if text else []
    except ValueError:
        return (), [f"{_CHANGES} is no JSON"]
    packages: list[tuple[bool, dict[str, Any]]] = [
        (str(change.get("Version")) == release, package)
        for change in _objects(changes)
        for package in _objects(change.get("BuildInformation"))
    ]
    found: dict[tuple[str | None, str | None], Target] = {}
    for of_release, package in packages:
        repo, sha = slug(str(package.get("VcsRoot") or "")), full_sha(_text(package, "VcsCommitNumber"))
        if of_release and (repo or sha) and (repo, sha) not in found:
            brought = [package for _, package in packages if slug(str(package.get("VcsRoot") or "")) == repo]
            found[repo, sha] = Target(
                repo=repo, sha=sha, branch=branch_of(_text(package, "Branch")), commits=_commits(brought)
            )
    notes = [] if found or not packages else [f"{_CHANGES} names no package of release {release}"]
    return tuple(found.values()), notes


def _commits(packages: list[dict[str, Any]]) -> tuple[dict[str, str], ...]:
    # Build information has no times of commits.
    found = {}
    for package in packages:
        for item in _objects(package.get("Commits")):
            entry = commit(item.get("Id"), None)
            if entry:
                found[entry["sha"]] = entry
    return tuple(found.values())


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(package: dict[str, Any], name: str) -> str:
    value = package.get(name)
    return value if isinstance(value, str) else ""


def ask(lent: Mapping[str, Any], standard_input: Callable[[], bytes]) -> dict[str, str]:
    """Ask for every variable that is used. A missing one is empty."""
    get = lent.get(_LENDS)
    if get is None:
        handed = _pairs(standard_input())
        return {name: _known(handed.get(name, "")) for name in ASKED}
    return {name: _known(_asked(get, name)) for name in ASKED}


def inputs(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs, by name."""
    return {name: variables.get(variable, "") for name, variable in PARAMETERS.items()}


def _asked(get: Callable[[str], str], name: str) -> str:
    try:
        return get(name) or ""
    except KeyError:
        # An older agent's Python function raises it.
        return ""


def _known(text: str) -> str:
    return "" if text.startswith(_UNKNOWN) else text


def _pairs(raw: bytes) -> dict[str, str]:
    """Read `NAME=VALUE`, each followed by a zero byte, which no value can hold."""
    read = {}
    for pair in raw.decode("utf-8", "replace").split("\0"):
        name, _, value = pair.partition("=")
        read[name] = value
    return read


def _log(report: Report, fails: bool) -> list[str]:
    """Return the lines for the log. A foreign text, such as a receiver's answer, gives no commands."""
    plain = [line.replace(_MARK, "## octopus[") for line in console.messages(report)]
    if report.ok:
        return plain
    level = "error" if fails else "warning"
    return [f"{_MARK}stdout-{level}]", *plain, f"{_MARK}stdout-default]"]


OCTOPUS = Platform(
    word="octopus",
    title="Octopus Deploy",
    marker="Octopus.Deployment.Id",
    read=_read,
    step=Step(
        agent="gitdailies-octopus",
        no_key="; set the template's parameter Webhook key, best to a sensitive variable",
        inputs=inputs,
        names=PARAMETERS,
        log=_log,
        lends=_LENDS,
        ask=ask,
    ),
    turn=40,
)
