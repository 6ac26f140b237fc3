"""The mapping: a YAML file names the column that each field of an event is read from.

    events:                            # each of these is made from each row
      - kind: {text: incidentStarted}
        incidentId: id                 # a field, and the column it is read from
        time: created_on               # if this is empty, the row makes no such event
        source: {text: pagerduty}      # the same in every row
        repo: {service: service_name}  # repository and environment as gitdailies.yml maps the service
      - only: {Result: [ok, done]}     # only from rows with one of these texts
        kind: {text: deployed}
        time: {date: Date, time: Time}           # two columns
        commitSHA: {tag: Version}                # the commit of a tag, from the mirror of the repository
        environment: {column: Env, values: {prod: production}}    # other texts are faults
    mirrors: {larkspur/checkout-api: checkout-api.git}    # else dora.mirrors of gitdailies.yml

A field that the mapping does not name is read from the column with its name, unless the mapping uses that
column for another field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from gitdailies_connection.config.document.errors import (
    FileFault,
    Place,
    configuration_error,
    setting_name,
)
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_core.error_text import got
from gitdailies_core.events.events import KINDS, kind_of
from gitdailies_core.events.field_types import REPO
from gitdailies_core.values.nearest_name import did_you_mean

FIELDS = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields)})
REQUIRED = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields if one.required)})
_NONE: Mapping[str, str] = MappingProxyType({})
_MOMENTS = frozenset(one.name for kind in KINDS for one in kind.fields if one.type.form == "time")
_COMMIT = "commitSHA"
ONLY = "only"
_VALUE = (
    "the name of a column, {text: …}, {column: …, values: {…}}, for a time {date: …, time: …}, "
    "for commitSHA {tag: …}, or for repo {service: …}"
)
# The names that a value in braces may have, together.
_FORMS = (
    frozenset({"text"}),
    frozenset({"column", "values"}),
    frozenset({"date", "time"}),
    frozenset({"tag"}),
    frozenset({"service"}),
)
# The fields that alone may have a form.
_FIELDS_OF_FORM: Mapping[str, frozenset[str]] = {
    "date": _MOMENTS,
    "tag": frozenset({_COMMIT}),
    "service": frozenset({"repo"}),
}


@dataclass(frozen=True)
class Rule:
    """How one event is made from a row.

    `columns` maps fields to columns, `texts` maps fields to a fixed text. `service` is the column of the
    service that decides which repository the incident counts for, or "". `moments` maps fields to the
    columns of a date and of a time of day. `values` maps fields to what each text of their column means.
    With `has_tags`, the column of the commit may hold tags. `only` maps columns to the texts of the rows
    that the rule is for.
    """

    columns: Mapping[str, str] = field(default_factory=lambda: _NONE)
    texts: Mapping[str, str] = field(default_factory=lambda: _NONE)
    service: str = ""
    moments: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    has_tags: bool = False
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def used(self) -> frozenset[str]:
        """The columns that this rule names."""
        moments = (column for pair in self.moments.values() for column in pair)
        return frozenset({*self.columns.values(), *moments, *self.only, *({self.service} - {""})})

    @cached_property
    def filled(self) -> frozenset[str]:
        """The fields that this rule fills from a column with another name, or from a text."""
        routed = ("repo", "environment") if self.service else ()
        return frozenset({*self.columns, *self.texts, *self.moments, *routed})

    def column(self, name: str) -> str:
        """Return the column that field *name* is read from."""
        if name in ("repo", "environment") and self.service:
            return self.service
        if name in self.moments:
            return " and ".join(self.moments[name])
        return self.columns.get(name, name)

    def wants(self, values: Mapping[str, Any]) -> bool:
        """Whether a row with these *values* is one that the rule is for; upper and lower case are one."""
        return not self.only or all(
            str(values.get(column) or "").strip().casefold() in texts for column, texts in self.only.items()
        )


@dataclass(frozen=True)
class Mapped:
    """The rules for each row. Without a mapping file there is one rule, which reads columns by name.

    `mirrors` has the path of each repository's mirror, by its name in lower case, as the file writes it.
    """

    rules: tuple[Rule, ...] = (Rule(),)
    mirrors: Mapping[str, str] = field(default_factory=lambda: _NONE)

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
            if name in rule.columns or not (name in rule.filled or name in self.used):
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
                if (
                    name not in rule.texts
                    and name not in rule.moments
                    and not (name == "repo" and rule.service)
                ):
                    found.add(rule.column(name))
        return frozenset(found)

    def knows(self, column: str) -> bool:
        """Whether *column* is used for any event."""
        return column in self.used or column in FIELDS

    @cached_property
    def is_selective(self) -> bool:
        """Whether a rule is for some of the rows only."""
        return any(rule.only for rule in self.rules)

    @property
    def routed(self) -> bool:
        """Whether a rule needs the services of gitdailies.yml."""
        return any(rule.service for rule in self.rules)

    @property
    def has_tags(self) -> bool:
        """Whether a rule needs the tags of repositories."""
        return any(rule.has_tags for rule in self.rules)

    @classmethod
    def of(cls, document: Document) -> Mapped:
        """Read a mapping. Raises ConfigurationError with every error in it."""
        complaints = [
            FileFault(document.line(place), setting_name(place), text) for place, text in _faults(document)
        ]
        if complaints:
            raise configuration_error(document.file, complaints)
        mirrors = {name.casefold(): path for name, path in document.value.get("mirrors", {}).items()}
        return cls(tuple(_rule(item) for item in document.value["events"]), MappingProxyType(mirrors))


def _rule(item: Mapping[str, Any]) -> Rule:
    columns = {name: value for name, value in item.items() if isinstance(value, str)}
    braced = {name: value for name, value in item.items() if isinstance(value, dict) and name != ONLY}
    columns |= {name: value["column"] for name, value in braced.items() if "column" in value}
    columns |= {name: value["tag"] for name, value in braced.items() if "tag" in value}
    texts = {name: value["text"] for name, value in braced.items() if "text" in value}
    moments = {name: (value["date"], value["time"]) for name, value in braced.items() if "date" in value}
    values = {
        name: MappingProxyType({text.casefold(): meant for text, meant in value["values"].items()})
        for name, value in braced.items()
        if "values" in value
    }
    only = {
        column: tuple(text.casefold() for text in ([wanted] if isinstance(wanted, str) else wanted))
        for column, wanted in item.get(ONLY, {}).items()
    }
    return Rule(
        MappingProxyType(columns),
        MappingProxyType(texts),
        braced.get("repo", {}).get("service", ""),
        MappingProxyType(moments),
        MappingProxyType(values),
        has_tags="tag" in braced.get(_COMMIT, {}),
        only=MappingProxyType(only),
    )


def _faults(document: Document) -> Iterator[tuple[Place, str]]:
    value = document.value
    if not isinstance(value, dict) or not isinstance(value.get("events"), list) or not value["events"]:
        yield (), "expected events: and a list of at least one mapping, got something else"
        return
    for name in value:
        if name not in ("events", "mirrors"):
            near = did_you_mean(name, ("events", "mirrors"))
            yield (name,), f"expected events or mirrors, got another name{near}"
    yield from _faults_of_mirrors(value.get("mirrors", {}))
    for index, item in enumerate(value["events"]):
        place: Place = ("events", index)
        if not isinstance(item, dict):
            yield place, f"expected fields and their columns, got {got(item)}"
        else:
            yield from _faults_of_rule(item, place)


def _faults_of_mirrors(mirrors: Any) -> Iterator[tuple[Place, str]]:
    if not isinstance(mirrors, dict):
        yield ("mirrors",), f"expected the path of each repository's mirror, got {got(mirrors)}"
        return
    for name, path in mirrors.items():
        if not REPO.accepts(name):
            yield ("mirrors", name), f"expected {REPO.expected}, got {got(name)}"
        if not isinstance(path, str) or not path:
            yield ("mirrors", name), f"expected the path of a mirror, got {got(path)}"


def _faults_of_only(only: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if not isinstance(only, dict) or not only:
        yield place, f"expected columns, each with the texts of the rows to read, got {got(only)}"
        return
    for column, wanted in only.items():
        texts = wanted if isinstance(wanted, list) else [wanted]
        if not texts or not all(isinstance(text, str) for text in texts):
            yield (*place, column), f"expected a text or a list of texts, in quotes, got {got(wanted)}"


def _faults_of_value(name: str, value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Find what is wrong with the value of a field: the name of a column, or one of the forms in braces."""
    if isinstance(value, str) and value:
        return
    if not isinstance(value, dict):
        yield place, f"expected {_VALUE}, got {got(value)}"
        return
    if frozenset(value) not in _FORMS:
        yield place, f"expected {_VALUE}, got other names in braces"
        return
    for inner, text in value.items():
        if inner == "values":
            if (
                not isinstance(text, dict)
                or not text
                or not all(isinstance(meant, str) and meant for meant in text.values())
            ):
                yield (
                    (*place, inner),
                    "expected texts of the column, each with what it means, got other values",
                )
        elif not isinstance(text, str) or not text:
            yield (*place, inner), f"expected text, got {got(text)}"
        if inner in _FIELDS_OF_FORM and name not in _FIELDS_OF_FORM[inner]:
            fields = ", ".join(sorted(_FIELDS_OF_FORM[inner]))
            yield (*place, inner), f"expected it only for {fields}, got it for {name}"


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
        if name == ONLY:
            yield from _faults_of_only(value, (*place, name))
        elif name not in names:
            yield (
                (*place, name),
                f"expected one of {', '.join(sorted(names))}, got another name{did_you_mean(name, names)}",
            )
        else:
            yield from _faults_of_value(name, value, (*place, name))
    repo = item.get("repo")
    if isinstance(repo, dict) and "service" in repo and "environment" in item:
        yield (
            (*place, "environment"),
            "expected none together with repo: {service: …}, which sets it, got one",
        )
