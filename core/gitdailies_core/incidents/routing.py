"""Which repository and environment a change counts for, and whether it is wanted at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from gitdailies_core import reasons
from gitdailies_core.events.field_types import REPO, describe_misfit
from gitdailies_core.reasons import Reason
from gitdailies_core.sources.protocol import Change, Service

FALLBACK = "*"
NONE = "none"
_SERVICE = "{service}"


class Target(NamedTuple):
    """Where an incident counts: a repository, an environment or None, a service or None."""

    repo: str
    environment: str | None = None
    service: str | None = None


@dataclass(frozen=True)
class Route:
    """A line of the `services` table: where a service's incidents count."""

    repo: str
    environment: str | None = None

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it names a repository by itself, independent of the service."""
        return _SERVICE not in self.repo and REPO.accepts(self.repo)


class Routed(NamedTuple):
    """The targets of a change, and for each service without one why."""

    targets: tuple[Target, ...]
    unmapped: tuple[str, ...]

    @property
    def refusal(self) -> Reason | None:
        """Why the change counts nowhere, or None where it has a target."""
        if self.targets:
            return None
        return Reason(reasons.UNMAPPED, f"unmapped: {'; '.join(self.unmapped)}")


@dataclass(frozen=True)
class Routes:
    """The `services` table, looked up by a service's id or name, without case."""

    table: Mapping[str, tuple[Route, ...]]

    @classmethod
    def make(cls, services: Mapping[str, Sequence[Route]]) -> Routes:
        return cls(MappingProxyType({name.casefold(): tuple(routes) for name, routes in services.items()}))

    def route(self, change: Change) -> Routed:
        """Find the targets of *change*; the fallback `*` takes what no other line does."""
        targets: dict[Target, None] = {}
        unmapped: list[str] = []
        for service in change.services or (None,):
            routes = self._routes_of(service)
            if not routes:
                unmapped.append(
                    "the delivery names no service"
                    if service is None
                    else f"no line under services for {service.name!r}"
                )
            for route in routes:
                name = None if service is None else service.name
                repo = route.repo if route.is_fixed else route.repo.replace(_SERVICE, name or "")
                if route.is_fixed or REPO.accepts(repo):
                    targets[Target(repo, route.environment or change.environment, name)] = None
                elif name is None:
                    unmapped.append(f"services: expected a service named, for {route.repo!r}, got none")
                else:
                    got = describe_misfit(REPO, repo)
                    unmapped.append(f"services: expected {REPO.expected}, got {got} from {route.repo!r}")
        return Routed(tuple(targets), tuple(unmapped))

    def _routes_of(self, service: Service | None) -> tuple[Route, ...]:
        names = () if service is None else (*service.aliases, service.name)
        for name in names:
            routes = self.table.get(name.casefold())
            # "*" is the fallback's name, not a service's.
            if routes and name != FALLBACK:
                return routes
        return self.table.get(FALLBACK, ())


@dataclass(frozen=True)
class Filter:
    """`only` of a source: the urgencies, priorities and tag values that are wanted."""

    urgency: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def refusal(self, change: Change) -> Reason | None:
        """Say why *change* is not wanted, or None if it is. `none` means no value."""
        if not (self.urgency or self.priority or self.tags):
            return None
        for name, wanted, found in (
            ("urgency", self.urgency, (change.urgency,)),
            ("priority", self.priority, (change.priority,)),
            *((f"tag {tag}", values, change.tags.get(tag) or (None,)) for tag, values in self.tags.items()),
        ):
            if not wanted:
                continue
            values = [(value or NONE).casefold() for value in found]
            if not {one.casefold() for one in wanted}.intersection(values):
                text = f"filtered: {name} {', '.join(values)} is not in {', '.join(wanted)}"
                return Reason(reasons.FILTERED, text)
        return None
