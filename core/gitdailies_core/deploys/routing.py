"""Where a deploy counts: in its own repository, or where a line of the source's `route` says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, Reason, filtered
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.images import too_short
from gitdailies_core.values.deploy_target import DeployTarget

# `repo: same`: the repository that the delivery names, also if it is a deployment repository.
SAME = "same"
NONE = "none"
_GLOB = frozenset("*?[")


class DeployRoute(NamedTuple):
    """A line of `route`: its names replace those of the delivery. `repo` may be `same`.

    An empty service takes away the one that the delivery names. The deploy counts for each of `also`, too.
    """

    repo: str = ""
    environment: str | None = None
    service: str | None = None
    also: tuple[str, ...] = ()

    @property
    def has_service_alone(self) -> bool:
        """Whether it names a service and no place. Such a line gives the service, and counts nothing."""
        return self.service is not None and not (self.repo or self.environment)


@dataclass(frozen=True)
class DeployRoutes:
    """The `route` of a source, looked up by the words of a deploy, without case.

    A line may be a glob. A line without one is looked up first, then the globs in their order.
    """

    lines: Mapping[str, DeployRoute] = field(default_factory=lambda: MappingProxyType({}))
    globs: tuple[tuple[str, DeployRoute], ...] = ()

    @classmethod
    def make(cls, lines: Mapping[str, DeployRoute]) -> "DeployRoutes":
        exact = {word.casefold(): line for word, line in lines.items() if not _GLOB.intersection(word)}
        globs = [(word.casefold(), line) for word, line in lines.items() if _GLOB.intersection(word)]
        return cls(MappingProxyType(exact), tuple(globs))

    def named(self, *words: str) -> Iterator[DeployRoute]:
        """Yield the lines that name one of *words*: those of the first word first."""
        for word in map(str.casefold, words):
            if word in self.lines:
                yield self.lines[word]
            if word:
                yield from (line for glob, line in self.globs if fnmatchcase(word, glob))

    def route(self, deploy: Deploy) -> DeployTarget | Reason:
        """Return where *deploy* counts, or the reason why it does not count."""
        own, others = self._own(deploy), list(self.named(*deploy.service_by))
        line = next((one for one in own if not one.has_service_alone), None)
        if line is None and (deploy.route_required or not deploy.repo):
            alone = " with more than a service" if own else ""
            return Reason(NO_ROUTE, f"no route{alone} names {deploy.route!r}")
        if deploy.gitops and (line is None or line.repo != SAME):
            word = deploy.route or deploy.repo
            return Reason(
                NO_COMMIT,
                f"no application commit: {deploy.sha[:12]} is a commit of the deployment repository "
                f"{deploy.repo}; name the application's commit, or set repo: same in the route of {word!r}"
                f"{too_short(deploy.images)}",
            )
        given = [*([line] if line else ()), *(one for one in own if one.has_service_alone), *others]
        service = next((one.service for one in given if one.service is not None), deploy.service)
        if line is None:
            return DeployTarget(deploy.repo, deploy.environment, service or None)
        repo = deploy.repo if line.repo in ("", SAME) else line.repo
        if not repo:
            return Reason(
                NO_ROUTE, f"no route names the repository of {deploy.route!r}; set repo in its line"
            )
        return DeployTarget(repo, line.environment or deploy.environment, service or None)

    def also(self, deploy: Deploy) -> tuple[str, ...]:
        """Return the repositories for which *deploy* counts, apart from the first one of `route`."""
        return next((one.also for one in self._own(deploy) if not one.has_service_alone), ())

    def _own(self, deploy: Deploy) -> list[DeployRoute]:
        """Return the lines that may say where *deploy* counts."""
        return list(self.named(deploy.route, *(deploy.service_by if deploy.route_required else ())))


def unwanted(environments: tuple[str, ...], place: DeployTarget) -> Reason | None:
    """Say why a deploy to *place* is not wanted; None if it is, or if no *environments* are given.

    They may be globs, and are compared without case. `none` means no environment.
    """
    found = (place.environment or NONE).casefold()
    if not environments or any(fnmatchcase(found, one.casefold()) for one in environments):
        return None
    return filtered("environment", (found,), environments)
