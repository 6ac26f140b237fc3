"""Turn a row into events, or into all of its faults. Pure: the current time and the services are arguments.

A row is names and values, from any format. Spaces around text are removed. An empty value counts as missing.
Every event of a history needs a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import INCIDENT_RESOLVED, KINDS, Event, Kind, kind_of
from gitdailies_core.events.field_types import normalize
from gitdailies_core.incidents.routing import Routed, Routes
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
from gitdailies_core.values.times import text_of

from gitdailies_history.files import spreadsheet_times
from gitdailies_history.files.mapping import Mapped, Rule
from gitdailies_history.plan.faults import Fault

_TIME_FIELDS = frozenset(one.name for kind in KINDS for one in kind.fields if one.type.form == "time")


@dataclass(frozen=True)
class Row:
    """A row as it was read: file and line, values by column, and its bytes.

    With `strays`, values under unknown names belong to the event, as in JSON.
    """

    file: str
    line: int
    values: Mapping[str, Any]
    raw: bytes = field(default=b"", repr=False)
    strays: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """How rows are read: the latest allowed time, the mapping, a zone for times without one, and routes."""

    latest: datetime
    mapped: Mapped = field(default_factory=Mapped)
    zone: tzinfo | None = None
    routes: Routes | None = None


@dataclass(frozen=True)
class Result:
    """The events of a row. If there are faults, the events must not be used.

    `ignored` is a service of the row that shall not count, or "".
    """

    events: tuple[Event, ...]
    faults: tuple[Fault, ...] = ()
    ignored: str = ""


def of(row: Row, options: ReadOptions) -> Result:
    """Make the events of a row."""
    events: list[Event] = []
    faults: list[Fault] = []
    ignored: list[str] = []
    several = len(options.mapped.rules) > 1
    for rule, fields in options.mapped.readings:
        body = _body(row, rule, fields)
        # The row of an open incident has no end yet, only a start.
        if several and not _given(body.get("time")):
            continue
        ignored += _one(row, rule, options, body, events, faults)
    if not events and not faults and not ignored:
        times = " or ".join(dict.fromkeys(rule.column("time") for rule in options.mapped.rules))
        faults.append(Fault(row.file, row.line, times, f"expected {spreadsheet_times.EXPECTED}, got nothing"))
    return Result(tuple(events), tuple(faults), next(iter(ignored), ""))


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
    row: Row,
    rule: Rule,
    options: ReadOptions,
    body: dict[str, Any],
    events: list[Event],
    faults: list[Fault],
) -> Sequence[str]:
    """Add the events of one rule, or its faults; return its service if that shall not count."""
    ignored: list[str] = []

    def fault(column: str, text: str) -> None:
        faults.append(Fault(row.file, row.line, column, text))

    before = len(faults)
    try:
        kind = kind_of(body.get("kind"))
    except InvalidEvent as error:
        text = str(error).removeprefix("kind: ")
        fault(rule.column("kind"), text if "kind" in body else f"{text.partition(', got ')[0]}, got nothing")
        return ignored
    full = {name: value for name, value in body.items() if name in kind.names}
    for name in _TIME_FIELDS & full.keys():
        try:
            full[name] = spreadsheet_times.read(full[name], rule.column(name), options.zone)
        except ValueError as error:
            fault(rule.column(name), str(error).partition(": ")[2])
            del full[name]
    time = full.get("time")
    if time is not None and time > options.latest:
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
        full.update(_strays(row, kind, options))
    for target in _targets(full, rule, row, options, fault, ignored):
        _check({**full, **target}, kind, rule, row, events, faults, clean=before == len(faults))
    return ignored


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
    """Add the event of *body*, or all faults if it is invalid or other fields are faulty."""
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
    body: Mapping[str, Any], rule: Rule, row: Row, options: ReadOptions, fault: Any, ignored: list[str]
) -> Iterator[dict[str, str]]:
    """Yield the fields that `services` of gitdailies.yml adds, once for each place where the event counts."""
    if not rule.service:
        yield {}
        return
    name = str(row.values.get(rule.service) or "").strip()
    routed = _routed(name, body["kind"], options)
    if routed.is_ignored:
        ignored.append(name)
        return
    if not name or not routed.targets:
        wanted = "expected a service that gitdailies.yml maps under services"
        fault(rule.service, f"{wanted}, got {got(name) if name else 'nothing'}")
        return
    for target in routed.targets:
        given = {"repo": target.repo, "environment": target.environment, "service": target.service}
        yield {field: text for field, text in given.items() if text}


def _routed(name: str, kind: str, options: ReadOptions) -> Routed:
    if options.routes is None or not name:
        return Routed((), ())
    state = RESOLVED if kind == INCIDENT_RESOLVED else STARTED
    change = Change.make(
        state=state, word=kind, incident="history", at=options.latest, services=[Service(name)]
    )
    return options.routes.route(change)


def _strays(row: Row, kind: Kind, options: ReadOptions) -> dict[str, Any]:
    used = options.mapped.used
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
