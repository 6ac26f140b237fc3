"""Octopus Deploy. Source: its "System variables" reference; names are Octopus's own.

Octopus knows a repository only through build information that a build server pushed. The step
hands in the variables of `NAMES` by `get_octopusvariable`.
"""

from __future__ import annotations

import json
from typing import Any

from gitdailies_core.ci.facts import Facts, Platform, Target, Variables, branch_of, commit, full_sha
from gitdailies_core.ci.git_url import slug
from gitdailies_core.ci.table import Table

TABLE = Table(
    # Octopus.Release.Git.* tell of the repository of the deployment process, not of the application's.
    run=("Octopus.Deployment.Id",),
    environment=("Octopus.Environment.Name",),
)

# JSON. Octopus.Release.Package and .Builds exist while release notes are rendered, not in steps.
_CHANGES = "Octopus.Deployment.Changes"
_RELEASE = "Octopus.Release.Number"
_SERVER, _LINK = "Octopus.Web.ServerUri", "Octopus.Web.DeploymentLink"
_ERROR = "Octopus.Deployment.Error"
# There is no time: Octopus.Deployment.Created is written as the server's culture has it.
NAMES = (*TABLE.run, *TABLE.environment, _CHANGES, _RELEASE, _SERVER, _LINK, _ERROR)

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
    """Read the repositories of a release's packages, each at its commit, with the commits brought.

    The list holds every release since the last one in this environment: the entry of *release*
    says what is deployed, all of them say which commits came along.
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
    # Build information gives commits no time.
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


OCTOPUS = Platform("octopus", "Octopus Deploy", "Octopus.Deployment.Id", _read)
