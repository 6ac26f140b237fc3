"""Turn a row into events, or into all of its faults. Pure: the current time and the services are arguments.

A row is names and values, from any format. Spaces around text are removed. An empty value counts as missing.
Every event of a history needs a time.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, NamedTuple, TypeAlias

from gitdailies_core.ci.job.facts import full_sha
from gitdailies_core.error_text import NOTHING, got
from gitdailies_core.errors import InvalidEvent
from gitdailies_core.events.events import DEPLOYED, INCIDENT_RESOLVED, KINDS, Event, kind_of
from gitdailies_core.incidents.routing import Routed, Routes
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
from gitdailies_core.values.times import EXPECTED_TIME, text_of

from gitdailies_history.files import spreadsheet_times
from gitdailies_history.files.mapping import Mapped, Rule
from gitdailies_history.plan.faults import Fault

AddFault: TypeAlias = Callable[[str, str], None]
_EARLY = re.compile(r"[0-9]:")
_TIME_FIELDS = tuple(
    dict.fromkeys(one.name for kind in KINDS for one in kind.fields if one.type.form == "time")
)


class Row(NamedTuple):
    """A row as it was read: file and line, values by column, and its bytes.

    With `strays`, values under unknown names belong to the event, as in JSON.
    """

    file: str
    line: int
    values: Mapping[str, Any]
    raw: bytes = b""
    strays: bool = False


@dataclass(frozen=True)
class ReadOptions:
    """How rows are read: the latest allowed time, the mapping, a zone for times without one, and routes.

    `tags` returns the commit of each tag of a repository, or None if the repository has no mirror.
    """

    latest: datetime
    mapped: Mapped = field(default_factory=Mapped)
    zone: tzinfo | None = None
    routes: Routes | None = None
    tags: Callable[[str], Mapping[str, str] | None] = lambda _repo: None


class Result(NamedTuple):
    """The events of a row. If there are faults, the events must not be used.

    `ignored` is a service of the row that should not count, or "". `unwanted` says that no rule is for it.
    """

    events: tuple[Event, ...]
    faults: tuple[Fault, ...] = ()
    ignored: str = ""
    unwanted: bool = False


def of(row: Row, options: ReadOptions) -> Result:
    """Make the events of a row."""
    events: list[Event] = []
    faults: list[Fault] = []
    ignored: list[str] = []
    readings = options.mapped.readings
    several = len(readings) > 1
    if options.mapped.is_selective:
        readings = tuple(one for one in readings if one[0].wants(row.values))
        if not readings:
            return Result((), unwanted=True)
    for rule, columns in readings:
        body = _body(row, rule, columns)
        # The row of an open incident has no end yet, only a start.
        if several and not _given(body.get("time")):
            continue
        ignored += _one(row, rule, options, body, events, faults)
    if not events and not faults and not ignored:
        times = " or ".join(dict.fromkeys(rule.column("time") for rule, _ in readings))
        faults.append(Fault(row.file, row.line, times, f"expected {EXPECTED_TIME}, got nothing"))
    return Result(tuple(events), tuple(dict.fromkeys(faults)), next(iter(ignored), ""))


def _body(row: Row, rule: Rule, columns: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = dict(rule.texts)
    for name, column in columns.items():
        value = row.values.get(column)
        if isinstance(value, str):
            value = value.strip()
        if _given(value):
            body[name] = value
    for name, (date, time) in rule.moments.items():
        day, clock = (str(row.values.get(column) or "").strip() for column in (date, time))
        # 8:55 is the usual form of an early hour.
        text = f"{day} {f'0{clock}' if _EARLY.match(clock) else clock}".strip()
        if text:
            body[name] = text
    return body


def _translate(body: dict[str, Any], rule: Rule, fault: AddFault) -> None:
    """Replace each text that the mapping gives a meaning; one that it does not know is a fault."""
    for name, meanings in rule.values.items():
        if name not in body:
            continue
        text = str(body[name])
        if text.casefold() in meanings:
            body[name] = meanings[text.casefold()]
        else:
            known = ", ".join(meanings)
            fault(rule.column(name), f"expected one of {known}, as values says, got {got(text)}")
            del body[name]


def _find_commit(body: dict[str, Any], rule: Rule, options: ReadOptions, fault: AddFault) -> None:
    """Replace a tag by its commit. A whole SHA in its place stays; the beginning of one may be a version."""
    repo, tag = body.get("repo"), body.get("commitSHA")
    if not rule.has_tags or not isinstance(repo, str) or not isinstance(tag, str):
        return
    known = options.tags(repo)
    # A sheet often has 1.4.2 where the tag is v1.4.2.
    found = None if known is None else known.get(tag) or known.get(f"v{tag}")
    if found is not None:
        body["commitSHA"] = found
    elif full_sha(tag) is None:
        column = rule.column("commitSHA")
        if known is None:
            fault(column, f"expected a mirror of {repo} to look {got(tag)} up, got none; add it to mirrors")
        else:
            fault(column, f"expected a tag of {repo}, got {got(tag)}; its mirror may need git fetch --tags")
        del body["commitSHA"]


def _one(
    row: Row,
    rule: Rule,
    options: ReadOptions,
    body: dict[str, Any],
    events: list[Event],
    faults: list[Fault],
) -> Sequence[str]:
    """Add the events of one rule, or its faults; return its service if it should not count."""
    ignored: list[str] = []

    def fault(column: str, text: str) -> None:
        faults.append(Fault(row.file, row.line, column, text))

    before = len(faults)
    _translate(body, rule, fault)
    if "kind" in rule.values and "kind" not in body and len(faults) > before:
        return ignored
    try:
        kind = kind_of(body.get("kind"))
    except InvalidEvent as error:
        text = str(error).removeprefix("kind: ")
        fault(rule.column("kind"), text if "kind" in body else f"{text.partition(', got ')[0]}, got nothing")
        return ignored
    full = {name: value for name, value in body.items() if name in kind.names}
    for name in _TIME_FIELDS:
        if name not in full:
            continue
        one, two = spreadsheet_times.ONE_COLUMN, spreadsheet_times.TWO_COLUMNS
        remedy = two if name in rule.moments else one
        try:
            full[name] = spreadsheet_times.read(full[name], rule.column(name), options.zone, remedy)
        except ValueError as error:
            fault(rule.column(name), str(error).partition(": ")[2])
            del full[name]
    time = full.get("time")
    if time is not None and time > options.latest:
        fault(rule.column("time"), f"expected no time ahead of now, got {got(text_of(time))}")
    elif "time" not in body:
        fault(
            rule.column("time"),
            f"expected {EXPECTED_TIME}, got {_nothing(row, rule.column('time'))}",
        )
    commits = full.get("commits")
    if isinstance(commits, str) and commits.startswith("["):
        full["commits"] = _decoded(commits)
    if row.strays:
        used = {*kind.names, *options.mapped.used}
        full.update({name: value for name, value in row.values.items() if name not in used})
    for placed in _placed(full, rule, row, options, fault, ignored) if rule.service else (full,):
        _find_commit(placed, rule, options, fault)
        _check(placed, rule, row, events, faults, clean=before == len(faults))
    return ignored


def _check(
    body: dict[str, Any],
    rule: Rule,
    row: Row,
    events: list[Event],
    faults: list[Fault],
    *,
    clean: bool,
) -> None:
    """Add the event of *body*, or all faults if it is invalid or other fields are faulty."""
    try:
        event = Event.from_wire(body)
    except InvalidEvent as error:
        known = {(one.column, one.line) for one in faults}
        for one in error.faults:
            column = rule.column(one.field)
            where, _, text = str(one).partition(": ")
            shown = column + where.removeprefix(one.field)
            if one.field not in body:
                text = f"{text.removesuffix(NOTHING)}{_nothing(row, column)}"
            if (shown, row.line) not in known:
                faults.append(Fault(row.file, row.line, shown, text))
    else:
        if clean:
            events.append(event)


def _placed(
    body: Mapping[str, Any], rule: Rule, row: Row, options: ReadOptions, fault: Any, ignored: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield *body* with the fields that `services` adds, once for each place where the event counts."""
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
        # A row's word may be an id. The webhook's event has a name, and two words part an end from its start.
        service = None if body["kind"] != DEPLOYED and target.service == name else target.service
        given = {"repo": target.repo, "environment": target.environment, "service": service}
        yield {**body, **{field: text for field, text in given.items() if text}}


def _routed(name: str, kind: str, options: ReadOptions) -> Routed:
    if options.routes is None or not name:
        return Routed((), ())
    state = RESOLVED if kind == INCIDENT_RESOLVED else STARTED
    change = Change(state=state, word=kind, incident="history", at=options.latest, services=[Service(name)])
    return options.routes.route(change)


def _given(value: Any) -> bool:
    return value is not None and value != ""


def _nothing(row: Row, column: str) -> str:
    return "nothing" if column in row.values else "nothing of that name"


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
