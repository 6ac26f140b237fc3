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

from gitdailies_core.ci.job.facts import (
    Facts,
    Run,
    Target,
    Variables,
    branch_of,
    commit,
    full_sha,
    reverts_of,
    undone_by,
)
from gitdailies_core.ci.job.git_url import slug
from gitdailies_core.ci.reporting.console import messages
from gitdailies_core.ci.reporting.platform import Platform
from gitdailies_core.ci.reporting.report import Report
from gitdailies_core.ci.reporting.settings import INPUTS

# JSON. Octopus.Release.Package and .Builds do not exist in steps, only in release notes.
_CHANGES = "Octopus.Deployment.Changes"
# The packages of the release. A release that goes back brings no changes.
_PACKAGES = "Octopus.Deployment.PackageBuildInformation"
_RELEASE = "Octopus.Release.Number"
_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"
_ERROR = "Octopus.Deployment.Error"
# No time: the form of Octopus.Deployment.Created depends on the server's language.
NAMES = (
    *("Octopus.Release.Id", "Octopus.Deployment.Id", "Octopus.Environment.Name"),
    *(_CHANGES, _PACKAGES, _RELEASE, _SERVER, _LINK, _ERROR),
)
# A template's parameter is a variable of this name. No other step has one with this prefix. A deployment
# has no checkout, and its variables have one place each.
OCTOPUS_PARAMETERS = {
    name: "GitDailies." + name.title().replace("-", "")
    for name in INPUTS
    if name not in ("path", "paths", "debug", "auth")
}
ASKED = (*NAMES, *OCTOPUS_PARAMETERS.values())
_LENDS = "get_octopusvariable"
# An older agent's Bash function prints this for a variable that does not exist.
_UNKNOWN = ('Unrecognized variable "', 'Unrecognized command "')
_MARK = "##octopus["
_REMEDY = "or push build information with its VcsRoot and VcsCommitNumber for the release's packages"


class Octopus(Platform):
    word = "octopus"
    title = "Octopus Deploy"
    marker = "Octopus.Deployment.Id"
    turn = 40
    # A release that is deployed again is another deployment.
    run = ("Octopus.Release.Id",)
    attempt = ("Octopus.Deployment.Id",)
    # Octopus.Release.Git.* name the repository of the deployment process, not the application's.
    environment = ("Octopus.Environment.Name",)
    agent = "gitdailies-octopus"
    no_key = "; set the template's parameter Webhook key, best to a sensitive variable"
    names = OCTOPUS_PARAMETERS
    lends = _LENDS

    def read(self, variables: Variables) -> Facts:
        server, link = variables.first(_SERVER), variables.first(_LINK)
        targets, notes = _targets(variables.first(_CHANGES), variables.first(_RELEASE))
        if not targets:
            targets, more = _of_packages(variables.first(_PACKAGES))
            notes = [] if targets else [*notes, *more]
        return self.facts(
            variables,
            targets=targets,
            # Each deployment of a release is an attempt.
            rerun=False,
            url=server.rstrip("/") + "/" + link.lstrip("/") if server and link else None,
            status="failed" if variables.first(_ERROR) else None,
            status_of="the deployment",
            notes=notes,
            remedy=_REMEDY,
        )

    def run_of(self, variables: Variables) -> Run | None:
        """Return the release, and its deployment as the attempt. The deployment alone names its deploys."""
        release, deployment = variables.first(*self.run), variables.first(*self.attempt)
        if not deployment:
            return None
        return Run(release or deployment, deployment if release else None, (deployment,))

    def inputs(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {name: environ.get(key, "") for name, key in OCTOPUS_PARAMETERS.items()}

    def ask(self, lent: Mapping[str, Any], standard_input: Callable[[], bytes]) -> dict[str, str]:
        """Ask for every variable that is used. A missing one is empty."""
        get = lent.get(_LENDS)
        if get is None:
            handed = _pairs(standard_input())
            return {name: _known(handed.get(name, "")) for name in ASKED}
        return {name: _known(_asked(get, name)) for name in ASKED}

    def log(self, report: Report, fails: bool) -> list[str]:
        """Return the lines for the log. A foreign text, such as a receiver's answer, gives no commands."""
        plain = [line.replace(_MARK, "## octopus[") for line in messages(report)]
        if report.ok and not report.warnings:
            return plain
        level = "error" if fails and not report.ok else "warning"
        return [f"{_MARK}stdout-{level}]", *plain, f"{_MARK}stdout-default]"]


OCTOPUS = Octopus()


def _targets(text: str | None, release: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the repositories of a release's packages, each with its commit and the new commits.

    The list holds every release since the last one in this environment. The entry of *release* names
    the deployed commit; all entries together name the new commits.
    """
    changes, notes = _list(text, _CHANGES)
    packages: list[tuple[bool, dict[str, Any]]] = [
        (str(change.get("Version")) == release, package)
        for change in changes
        for package in _objects(change.get("BuildInformation"))
    ]
    found = _by_commit([package for of_release, package in packages if of_release])
    targets = []
    for target in found:
        brought = [one for _, one in packages if slug(_text_in(one, "VcsRoot")) == target.repo]
        items = [item for package in brought for item in _objects(package.get("Commits"))]
        undone = reverts_of((item.get("Id"), undone_by(item.get("Comment"))) for item in items)
        targets.append(target._replace(commits=_commits(items), reverts=undone))
    if packages and not targets:
        notes.append(f"{_CHANGES} names no package of release {release}")
    return tuple(targets), notes


def _of_packages(text: str | None) -> tuple[tuple[Target, ...], list[str]]:
    """Read the packages of the release. What it brought is unknown here."""
    packages, notes = _list(text, _PACKAGES)
    nested = [package for one in packages for package in _objects(one.get("BuildInformation"))]
    return _by_commit([*packages, *nested]), notes


def _by_commit(packages: list[dict[str, Any]]) -> tuple[Target, ...]:
    """Return each repository and commit of *packages* once."""
    found: dict[tuple[str | None, str | None], Target] = {}
    for package in packages:
        repo, sha = slug(_text_in(package, "VcsRoot")), full_sha(_text_in(package, "VcsCommitNumber"))
        if repo or sha:
            branch = branch_of(_text_in(package, "Branch"))
            found.setdefault((repo, sha), Target(repo=repo, sha=sha, branch=branch))
    return tuple(found.values())


def _commits(items: list[dict[str, Any]]) -> tuple[dict[str, str], ...]:
    # Build information has no times of commits.
    entries = [commit(item.get("Id"), None) for item in items]
    return tuple({entry["sha"]: entry for entry in entries if entry}.values())


def _list(text: str | None, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    try:
        return _objects(json.loads(text) if text else []), []
    except ValueError:
        return [], [f"{name} is no JSON"]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_in(package: dict[str, Any], name: str) -> str:
    value = package.get(name)
    return value if isinstance(value, str) else ""


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
