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

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gitdailies_connection.config.document import schema_errors
from gitdailies_connection.config.document.errors import configuration_error
from gitdailies_connection.config.document.yaml_document import Document
from gitdailies_core.events.events import KINDS
from gitdailies_core.events.field_types import REPO

FIELDS = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields)})
REQUIRED = frozenset({"kind", *(one.name for kind in KINDS for one in kind.fields if one.required)})
_MOMENTS = frozenset(one.name for kind in KINDS for one in kind.fields if one.type.form == "time")
_COMMIT = "commitSHA"
ONLY = "only"
_VALUE = (
    "the name of a column, {text: …}, {column: …, values: {…}}, for a time {date: …, time: …}, "
    "for commitSHA {tag: …}, or for repo {service: …}"
)
# The names that a value in braces may have, together, and the fields that alone may have them.
_FORMS: Mapping[frozenset[str], frozenset[str]] = {
    frozenset({"text"}): FIELDS,
    frozenset({"column", "values"}): FIELDS,
    frozenset({"date", "time"}): _MOMENTS,
    frozenset({"tag"}): frozenset({_COMMIT}),
    frozenset({"service"}): frozenset({"repo"}),
}
_TEXT = {"type": "string", "minLength": 1, "x-expected": "text"}
_MEANINGS = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": _TEXT,
    "x-expected": "texts of the column, each with what it means",
}
_ONLY = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": ["string", "array"],
        "items": {"type": "string", "x-expected": "a text, in quotes"},
        "minItems": 1,
        "x-expected": "a text or a list of texts, in quotes",
    },
    "x-expected": "columns, each with the texts of the rows to read",
}
_MIRRORS = {
    "type": "object",
    "propertyNames": {"pattern": REPO.pattern, "maxLength": REPO.longest, "x-expected": REPO.expected},
    "additionalProperties": {**_TEXT, "x-expected": "the path of a mirror"},
    "x-expected": "the path of each repository's mirror",
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

    columns: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
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
    mirrors: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def used(self) -> frozenset[str]:
        """Every column that a rule names. None of them is read as the field with its name."""
        return frozenset().union(*(rule.used for rule in self.rules))

    @cached_property
    def readings(self) -> tuple[tuple[Rule, Mapping[str, str]], ...]:
        """Each rule, with the column that each field is read from."""
        free = FIELDS - self.used
        return tuple(
            (rule, {**{name: name for name in sorted(free - rule.filled)}, **rule.columns})
            for rule in self.rules
        )

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
    def of(cls, document: Document) -> "Mapped":
        """Read a mapping. Raises ConfigurationError with every error in it."""
        faults = schema_errors.faults(document, _schema(document.value))
        if faults:
            raise configuration_error(document.file, faults.values())
        mirrors = {name.casefold(): path for name, path in document.value.get("mirrors", {}).items()}
        return cls(tuple(_rule(item) for item in document.value["events"]), mirrors)


def _rule(item: Mapping[str, Any]) -> Rule:
    columns = {name: value for name, value in item.items() if isinstance(value, str)}
    braced = {name: value for name, value in item.items() if isinstance(value, dict) and name != ONLY}
    columns |= {name: value["column"] for name, value in braced.items() if "column" in value}
    columns |= {name: value["tag"] for name, value in braced.items() if "tag" in value}
    texts = {name: value["text"] for name, value in braced.items() if "text" in value}
    moments = {name: (value["date"], value["time"]) for name, value in braced.items() if "date" in value}
    values = {
        name: {text.casefold(): meant for text, meant in value["values"].items()}
        for name, value in braced.items()
        if "values" in value
    }
    only = {
        column: tuple(text.casefold() for text in ([wanted] if isinstance(wanted, str) else wanted))
        for column, wanted in item.get(ONLY, {}).items()
    }
    return Rule(
        columns,
        texts,
        braced.get("repo", {}).get("service", ""),
        moments,
        values,
        has_tags="tag" in braced.get(_COMMIT, {}),
        only=only,
    )


def _schema(given: Any) -> dict[str, Any]:
    """Return the schema of a mapping. What an item may have depends on its kind, and on its other fields."""
    items = given.get("events") if isinstance(given, dict) else None
    events = {
        "type": "array",
        "minItems": 1,
        "prefixItems": [_schema_of_item(item) for item in (items if isinstance(items, list) else ())],
        "x-expected": "a list of at least one mapping",
    }
    whole = {"required": ["events"], "x-expected": "events: and a list of at least one mapping"}
    return _object({"events": events, "mirrors": _MIRRORS}) | whole


def _schema_of_item(item: Any) -> dict[str, Any]:
    fields = item if isinstance(item, dict) else {}
    kind, repo = fields.get("kind"), fields.get("repo")
    word = kind.get("text") if isinstance(kind, dict) else None
    names = next((one.names for one in KINDS if one.word == word), FIELDS)
    properties = {name: _schema_of_field(name, fields.get(name)) for name in sorted(names)}
    if isinstance(repo, dict) and "service" in repo:
        expected = "none together with repo: {service: …}, which sets it"
        properties["environment"] = {"not": {}, "x-expected": expected}
    return _object({**properties, ONLY: _ONLY})


def _schema_of_field(name: str, value: Any) -> dict[str, Any]:
    form = frozenset(value) if isinstance(value, dict) else frozenset()
    if name not in _FORMS.get(form, ()):
        return {**_TEXT, "x-expected": _VALUE}
    inner = {one: _MEANINGS if one == "values" else _TEXT for one in form}
    if name == "kind" and "text" in form:
        words = [kind.word for kind in KINDS]
        inner["text"] = {"enum": words, "x-expected": f"one of {', '.join(words)}"}
    return _object(inner)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "x-expected": "fields and their columns",
    }
