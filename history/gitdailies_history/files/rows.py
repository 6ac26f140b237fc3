"""A row becomes events, or every fault in it. Pure: the moment and the services come in as arguments.

A row is names and values, whatever format it was read from. Text is taken without the spaces
around it; an empty value was not given. A history needs the time of each event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import INCIDENT_RESOLVED, KINDS, Event, Kind, kind_of
from gitdailies_core.events.field_types import normalize
from gitdailies_core.incidents.routing import Routes, Target
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
from gitdailies_core.values.times import text_of

from gitdailies_history.files import spreadsheet_times
from gitdailies_history.files.faults import Fault
from gitdailies_history.files.mapping import Mapped, Rule

_TIME_FIELDS = frozenset(one.name for kind in KINDS for one in kind.fields if one.type.form == "time")


@dataclass(frozen=True)
class Row:
    """A row as it was read: where it stands, its values by column, its own bytes.

    `strays` says that names which no kind has belong to the event, as they do in JSON.
    """

    file: str
    line: int
    values: Mapping[str, Any]
    raw: bytes = field(default=b"", repr=False)
    strays: bool = False


@dataclass(frozen=True)
class Terms:
    """On which terms rows are read: the mapping, a zone for times without one, the latest time, services."""

    latest: datetime
    mapped: Mapped = field(default_factory=Mapped)
    zone: tzinfo | None = None
    routes: Routes | None = None


@dataclass(frozen=True)
class Result:
    """What a row became; where there are faults, its events are not to be used."""

    events: tuple[Event, ...]
    faults: tuple[Fault, ...] = ()


def of(row: Row, terms: Terms) -> Result:
    """Make the events of a row."""
    events: list[Event] = []
    faults: list[Fault] = []
    several = len(terms.mapped.rules) > 1
    for rule, fields in terms.mapped.readings:
        body = _body(row, rule, fields)
        # A row of an open incident has no end yet; what else it has is the start.
        if several and not _given(body.get("time")):
            continue
        _one(row, rule, terms, body, events, faults)
    if not events and not faults:
        times = " or ".join(dict.fromkeys(rule.column("time") for rule in terms.mapped.rules))
        faults.append(Fault(row.file, row.line, times, f"expected {spreadsheet_times.EXPECTED}, got nothing"))
    return Result(tuple(events), tuple(faults))


def _body(row: Row, rule: Rule, fields: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    body: dict[str, Any] = dict(rule.texts)
    for column, value in row.values.items():
        if value is None or value == "" or column not in fields:
            continue
        if isinstance(value, str):
            value = value.strip()
            if not value:
                continue
        for name in fields[column]:
            body[name] = value
    return body


def _one(
    row: Row, rule: Rule, terms: Terms, body: dict[str, Any], events: list[Event], faults: list[Fault]
) -> None:
    """Add the events of one rule, or its faults."""

    def fault(column: str, text: str) -> None:
        faults.append(Fault(row.file, row.line, column, text))

    before = len(faults)
    try:
        kind = kind_of(body.get("kind"))
    except InvalidEvent as error:
        text = str(error).removeprefix("kind: ")
        fault(rule.column("kind"), text if "kind" in body else f"{text.partition(', got ')[0]}, got nothing")
        return
    full = {name: value for name, value in body.items() if name in kind.names}
    for name in _TIME_FIELDS & full.keys():
        try:
            full[name] = spreadsheet_times.read(full[name], rule.column(name), terms.zone)
        except ValueError as error:
            fault(rule.column(name), str(error).partition(": ")[2])
            del full[name]
    time = full.get("time")
    if time is not None and time > terms.latest:
        fault(rule.column("time"), f"expected no time ahead of now, got {got(text_of(time))}")
    elif "time" not in body:
        fault(
            rule.column("time"),
            f"expected {spreadsheet_times.EXPECTED}, got {_nothing(row, rule.column('time'))}",
        )
    commits = full.get("commits")
    if isinstance(commits, str) and commits.startswith("["):
        full["commits"] = _decoded(commits)
    if row.strays:
        full.update(_strays(row, kind, terms))
    for target in _targets(full, rule, row, terms, fault):
        _check({**full, **target}, kind, rule, row, events, faults, clean=before == len(faults))


def _check(
    body: dict[str, Any],
    kind: Kind,
    rule: Rule,
    row: Row,
    events: list[Event],
    faults: list[Fault],
    *,
    clean: bool,
) -> None:
    """Add the event that *body* is; where it is none, or others are at fault, every fault of it."""
    if clean:
        try:
            events.append(Event.from_wire(body))
        except InvalidEvent:
            pass
        else:
            return
    known = {(one.column, one.line) for one in faults}
    for one in kind.fields:
        column = rule.column(one.name)
        try:
            if one.name in body:
                normalize(one.type, one.name, body[one.name])
            elif one.required:
                text = f"expected {one.type.expected}, got {_nothing(row, column)}"
                raise InvalidEvent(f"{one.name}: {text}")
        except InvalidEvent as error:
            where, _, text = str(error).partition(": ")
            shown = column + where.removeprefix(one.name)
            if (shown, row.line) not in known:
                faults.append(Fault(row.file, row.line, shown, text))


def _targets(
    body: Mapping[str, Any], rule: Rule, row: Row, terms: Terms, fault: Any
) -> Iterator[dict[str, str]]:
    """Yield what the services of gitdailies.yml add to an event, once for each place where it counts."""
    if not rule.service:
        yield {}
        return
    name = str(row.values.get(rule.service) or "").strip()
    routed = _routed(name, body["kind"], terms)
    if not name or not routed:
        wanted = "expected a service that gitdailies.yml maps under services"
        fault(rule.service, f"{wanted}, got {got(name) if name else 'nothing'}")
        return
    for target in routed:
        given = {"repo": target.repo, "environment": target.environment, "service": target.service}
        yield {field: text for field, text in given.items() if text}


def _routed(name: str, kind: str, terms: Terms) -> tuple[Target, ...]:
    if terms.routes is None or not name:
        return ()
    state = RESOLVED if kind == INCIDENT_RESOLVED else STARTED
    change = Change.make(
        state=state, word=kind, incident="history", at=terms.latest, services=[Service(name)]
    )
    return terms.routes.route(change).targets


def _strays(row: Row, kind: Kind, terms: Terms) -> dict[str, Any]:
    used = terms.mapped.used
    return {name: value for name, value in row.values.items() if name not in kind.names and name not in used}


def _given(value: Any) -> bool:
    return value is not None and value != ""


def _nothing(row: Row, column: str) -> str:
    return "nothing" if column in row.values else "nothing of that name"


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
