"""Where a deploy counts: in its own repository, or where a line of the source's `route` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, Reason, filtered
from gitdailies_core.sources.deploy_messages import Deploy

# As the repository of a line: the one that the delivery names, also if it is a deployment repository.
SAME = "same"
NONE = "none"
_GLOB = frozenset("*?[")


class Place(NamedTuple):
    """Where a deploy counts: a repository, an environment or None, a service or None."""

    repo: str
    environment: str | None = None
    service: str | None = None


class DeployRoute(NamedTuple):
    """A line of `route`: what it names takes the place of what the delivery names. `repo` may be `same`."""

    repo: str = ""
    environment: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class DeployRoutes:
    """The `route` of a source, looked up by the word of a deploy, without case.

    A line may be a glob. A line without one is looked up first, then the globs in their order.
    """

    lines: Mapping[str, DeployRoute] = field(default_factory=lambda: MappingProxyType({}))
    globs: tuple[tuple[str, DeployRoute], ...] = ()

    @classmethod
    def make(cls, lines: Mapping[str, DeployRoute]) -> DeployRoutes:
        exact = {word.casefold(): line for word, line in lines.items() if not _GLOB.intersection(word)}
        globs = [(word.casefold(), line) for word, line in lines.items() if _GLOB.intersection(word)]
        return cls(MappingProxyType(exact), tuple(globs))

    def line(self, word: str) -> DeployRoute | None:
        """Return the line that names *word*, or None."""
        folded = word.casefold()
        found = self.lines.get(folded)
        if found is None and word:
            found = next((line for glob, line in self.globs if fnmatchcase(folded, glob)), None)
        return found

    def route(self, deploy: Deploy) -> Place | Reason:
        """Return where *deploy* counts, or the reason why it does not count."""
        line = self.line(deploy.route)
        if line is None and (deploy.route_required or not deploy.repo):
            return Reason(NO_ROUTE, f"no route names {deploy.route!r}")
        if deploy.gitops and (line is None or line.repo != SAME):
            word = deploy.route or deploy.repo
            return Reason(
                NO_COMMIT,
                f"no application commit: {deploy.sha[:12]} is a commit of the deployment repository "
                f"{deploy.repo}; name the application's commit, or set repo: same in the route of {word!r}",
            )
        if line is None:
            return Place(deploy.repo, deploy.environment, deploy.service)
        repo = deploy.repo if line.repo in ("", SAME) else line.repo
        if not repo:
            return Reason(
                NO_ROUTE, f"no route names the repository of {deploy.route!r}; set repo in its line"
            )
        return Place(repo, line.environment or deploy.environment, line.service or deploy.service)


def unwanted(environments: tuple[str, ...], place: Place) -> Reason | None:
    """Say why a deploy to *place* is not wanted; None if it is, or if no *environments* are given.

    They may be globs, and are compared without case. `none` means no environment.
    """
    found = (place.environment or NONE).casefold()
    if not environments or any(fnmatchcase(found, one.casefold()) for one in environments):
        return None
    return filtered("environment", (found,), environments)
