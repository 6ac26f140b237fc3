"""Which repository and environment a change counts for, and whether it is wanted at all."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core import reasons
from gitdailies_core.events.field_types import REPO, describe_misfit
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import Change, Service
from gitdailies_core.values import patterns
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import NO_RENAMES, Renames

FALLBACK = "*"
NONE = "none"
# In a repository, the name of the service, and the name as it can be in an address.
PLACEHOLDERS = ("{service}", "{slug}")
_PLACEHOLDER = re.compile(r"\{(service|slug)\}")
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9._]+")


@dataclass(frozen=True)
class Route:
    """A line of the `services` table: where a service's incidents count, and as which service if not None."""

    repo: str
    environment: str | None = None
    service: str | None = None

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it names a repository by itself, independent of the service."""
        return not _PLACEHOLDER.search(self.repo) and REPO.accepts(self.repo)

    def repo_of(self, service: str) -> str:
        """Return the repository for a *service*. It may be none that is valid."""
        # In one pass, since the name of a service may itself have braces.
        return _PLACEHOLDER.sub(lambda found: service if found[1] == "service" else slug(service), self.repo)


def slug(name: str) -> str:
    """Return a name in small letters, with one hyphen for all that is no letter, digit, dot or underscore.

    `Checkout API (prod)` becomes `checkout-api-prod`, and `Café` becomes `cafe`.
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    return _NOT_IN_SLUGS.sub("-", letters).strip("-")


class Routed(NamedTuple):
    """The targets of a change, for each service without one why, and the services that should not count.

    `lines` says for each line that gave a target which repository it named.
    """

    targets: tuple[DeployTarget, ...]
    unmapped: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def is_ignored(self) -> bool:
        """Whether no service of the change should count."""
        return bool(self.ignored) and not self.targets and not self.unmapped

    @property
    def refusal(self) -> Reason | None:
        """Why the change counts nowhere, or None where it has a target."""
        if self.targets:
            return None
        if self.is_ignored:
            names = ", ".join(map(repr, self.ignored))
            return Reason(reasons.IGNORED_SERVICE, f"ignored: services has ignore: true for {names}")
        return Reason(reasons.UNMAPPED, f"unmapped: {'; '.join(self.unmapped)}")


@dataclass(frozen=True)
class Routes:
    """The `services` table, looked up by a service's id or name, without case.

    A name may be a pattern with `*`. An id overrides a name, and both override a pattern. Of several
    patterns, the one with most characters besides `*` decides; of equals, the first. An empty line
    has `ignore: true`: the service should not count. A former name counts as the present one.
    `paths` are the globs of services, by repository.
    """

    table: Mapping[str, tuple[Route, ...]]
    renames: Renames = NO_RENAMES
    paths: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def make(cls, services: Mapping[str, Sequence[Route]], renames: Renames = NO_RENAMES) -> "Routes":
        table = {name.casefold(): tuple(routes) for name, routes in services.items()}
        return cls(MappingProxyType(table), renames)

    @property
    def has_fallback(self) -> bool:
        """Whether there is a line for every service without one of its own."""
        return FALLBACK in self.table

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        found = [line for line in self.table if patterns.is_pattern(line) and line != FALLBACK]
        return tuple(sorted(found, key=patterns.literal_length, reverse=True))

    def line_for(self, *names: str) -> str | None:
        """Return the line of a service with these *names*, its ids first: its key in `table`, or None.

        The fallback takes what no other line does.
        """
        for name in names:
            # "*" is the fallback's name, not a service's.
            if (line := name.casefold()) in self.table and line != FALLBACK:
                return line
        for line in self._patterns:
            if any(patterns.matches(line, name.casefold()) for name in names):
                return line
        return FALLBACK if FALLBACK in self.table else None

    def route(self, change: Change) -> Routed:
        """Find the targets of *change*; the fallback `*` takes what no other line does."""
        targets: dict[DeployTarget, None] = {}
        unmapped: list[str] = []
        ignored: list[str] = []
        lines: dict[str, None] = {}
        for service in change.services or (None,):
            names = () if service is None else (*service.aliases, service.name)
            line = self.line_for(*names)
            routes = None if line is None else self.table[line]
            if routes is None:
                unmapped.append(
                    "the delivery names no service"
                    if service is None
                    else f"no line under services for {service.name!r}"
                )
            elif not routes:
                ignored.append(FALLBACK if service is None else service.name)
            for route in routes or ():
                name = None if service is None else service.name
                repo = route.repo if route.is_fixed else route.repo_of(name or "")
                if route.is_fixed or REPO.accepts(repo):
                    repo = self.renames.present(repo)
                    own = name if route.service is None else route.service or None
                    targets[DeployTarget(repo, route.environment or change.environment, own)] = None
                    lines[f"mapped by the line {line} of services, which said {repo}"] = None
                elif name is None:
                    unmapped.append(f"services: expected a service named, for {route.repo!r}, got none")
                else:
                    got = describe_misfit(REPO, repo)
                    unmapped.append(f"services: expected {REPO.expected}, got {got} from {route.repo!r}")
        return Routed(tuple(targets), tuple(unmapped), tuple(ignored), tuple(lines))


@dataclass(frozen=True)
class Filter:
    """`only` of a source: what is wanted of severity, service, title and so on; globs, without case.

    `environment` is of deploys: `deploys.routing.unwanted` reads it.
    """

    urgency: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    severity: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: tuple[str, ...] = ()

    @cached_property
    def chooses_incidents(self) -> bool:
        """Whether it says which incidents are wanted, not only which deploys."""
        return bool(self.urgency or self.priority or self.severity or self.service or self.title or self.tags)

    def refusal(self, change: Change) -> Reason | None:
        """Say why *change* is not wanted, or None if it is. `none` means no value.

        One wanted service is enough. A service goes by its name and by its other names.
        """
        if not self.chooses_incidents:
            return None
        for name, wanted, found in (
            ("urgency", self.urgency, (change.urgency,)),
            ("priority", self.priority, (change.priority,)),
            ("severity", self.severity, (change.severity,)),
            ("service", self.service, _names_of(change.services) if self.service else ()),
            ("title", self.title, (change.title,)),
            *((f"tag {tag}", values, change.tags.get(tag) or (None,)) for tag, values in self.tags.items()),
        ):
            if not wanted:
                continue
            values = [(value or NONE).casefold() for value in found]
            globs = [one.casefold() for one in wanted]
            if not any(value in globs or any(fnmatchcase(value, one) for one in globs) for value in values):
                return reasons.filtered(name, values, wanted)
        return None


def _names_of(services: Sequence[Service]) -> tuple[str | None, ...]:
    return tuple(name for service in services for name in (service.name, *service.aliases)) or (None,)
