"""The mapping: a YAML file names the column that each field of an event is read from.

    events:                            # each of these is made from each row
      - kind: {text: incidentStarted}
        incidentId: id                 # a field, and the column it is read from
        time: created_on               # if this is empty, the row makes no such event
        source: {text: pagerduty}      # the same in every row
        repo: {service: service_name}  # repository and environment as gitdailies.yml maps the service

A field that the mapping does not name is read from the column with its name, unless the mapping uses that
column for another field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from gitdailies_connection.config.errors import (
    FileFault,
    Place,
    configuration_error,
    setting_name,
)
from gitdailies_connection.config.yaml_document import Document
from gitdailies_core.error_text import got
from gitdailies_core.events.events import KINDS, kind_of
from gitdailies_core.values.nearest_name import did_you_mean

FIELDS = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields)})
REQUIRED = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields if one.required)})
_NONE: Mapping[str, str] = MappingProxyType({})
_VALUE = "the name of a column, {text: …} or, for repo, {service: …}"


@dataclass(frozen=True)
class Rule:
    """How one event is made from a row.

    `columns` maps fields to columns, `texts` maps fields to a fixed text. `service` is the column of the
    service that decides which repository the incident counts for, or "".
    """

    columns: Mapping[str, str] = field(default_factory=lambda: _NONE)
    texts: Mapping[str, str] = field(default_factory=lambda: _NONE)
    service: str = ""

    @cached_property
    def used(self) -> frozenset[str]:
        """The columns that this rule names."""
        return frozenset({*self.columns.values(), *({self.service} - {""})})

    @cached_property
    def filled(self) -> frozenset[str]:
        """The fields that this rule fills from a column with another name, or from a text."""
        routed = ("repo", "environment") if self.service else ()
        return frozenset({*self.columns, *self.texts, *routed})

    def column(self, name: str) -> str:
        """Return the column that field *name* is read from."""
        if name in ("repo", "environment") and self.service:
            return self.service
        return self.columns.get(name, name)


@dataclass(frozen=True)
class Mapped:
    """The rules for each row. Without a mapping file there is one rule, which reads columns by name."""

    rules: tuple[Rule, ...] = (Rule(),)

    @cached_property
    def used(self) -> frozenset[str]:
        """Every column that a rule names. None of them is read as the field with its name."""
        return frozenset().union(*(rule.used for rule in self.rules))

    @cached_property
    def readings(self) -> tuple[tuple[Rule, Mapping[str, tuple[str, ...]]], ...]:
        """Each rule with its columns, and the fields that each column fills."""
        return tuple((rule, self._fields_of(rule)) for rule in self.rules)

    def _fields_of(self, rule: Rule) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in sorted(FIELDS):
            if name in rule.columns or (name not in rule.texts and name not in self.used):
                column = rule.columns.get(name, name)
                found[column] = (*found.get(column, ()), name)
        return MappingProxyType(found)

    @cached_property
    def needed(self) -> frozenset[str]:
        """The columns that every row needs."""
        found: set[str] = set()
        for rule in self.rules:
            found |= rule.used
            for name in ("kind", "repo", "time"):
                if name not in rule.texts and not (name == "repo" and rule.service):
                    found.add(rule.column(name))
        return frozenset(found)

    def knows(self, column: str) -> bool:
        """Whether *column* is used for any event."""
        return column in self.used or column in FIELDS

    @property
    def routed(self) -> bool:
        """Whether a rule needs the services of gitdailies.yml."""
        return any(rule.service for rule in self.rules)

    @classmethod
    def of(cls, document: Document) -> Mapped:
        """Read a mapping. Raises ConfigurationError with every error in it."""
        complaints = [
            FileFault(document.line(place), setting_name(place), text) for place, text in _faults(document)
        ]
        if complaints:
            raise configuration_error(document.file, complaints)
        return cls(tuple(_rule(item) for item in document.value["events"]))


def _rule(item: Mapping[str, Any]) -> Rule:
    columns = {name: value for name, value in item.items() if isinstance(value, str)}
    texts = {
        name: value["text"] for name, value in item.items() if isinstance(value, dict) and "text" in value
    }
    repo = item.get("repo")
    service = repo.get("service", "") if isinstance(repo, dict) else ""
    return Rule(MappingProxyType(columns), MappingProxyType(texts), service)


def _faults(document: Document) -> Iterator[tuple[Place, str]]:
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("events"), list) or not value["events"]:
        yield (), "expected events: and a list of at least one mapping, got something else"
        return
    for name in value:
        if name != "events":
            yield (name,), f"expected events, got another name{did_you_mean(name, ('events',))}"
    for index, item in enumerate(value["events"]):
        place: Place = ("events", index)
        if not isinstance(item, dict):
            yield place, f"expected fields and their columns, got {got(item)}"
        else:
            yield from _faults_of_rule(item, place)


def _faults_of_rule(item: Mapping[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    names = FIELDS
    kind = item.get("kind")
    if isinstance(kind, dict) and isinstance(kind.get("text"), str):
        words = [one.word for one in KINDS]
        if kind["text"] in words:
            names = kind_of(kind["text"]).names
        else:
            hint = did_you_mean(kind["text"], words)
            yield (
                (*place, "kind", "text"),
                f"expected one of {', '.join(words)}, got {got(kind['text'])}{hint}",
            )
    for name, value in item.items():
        if name not in names:
            yield (
                (*place, name),
                f"expected one of {', '.join(sorted(names))}, got another name{did_you_mean(name, names)}",
            )
        elif isinstance(value, dict):
            ways = {"text", "service"} if name == "repo" else {"text"}
            inside = next(iter(value.values()), None)
            if len(value) != 1 or not set(value) <= ways or not isinstance(inside, str) or not inside:
                yield (*place, name), f"expected {_VALUE}, got something else"
        elif not isinstance(value, str) or not value:
            yield (*place, name), f"expected {_VALUE}, got {got(value)}"
    repo = item.get("repo")
    if isinstance(repo, dict) and "service" in repo and "environment" in item:
        yield (
            (*place, "environment"),
            "expected none together with repo: {service: …}, which sets it, got one",
        )
