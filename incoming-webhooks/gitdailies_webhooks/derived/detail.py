"""One event, one deploy and one incident with everything that is related, as the API and the pages show it.

Each related event is a reference: its id, kind and time, and what names it. `related` reads the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from gitdailies_core.values.times import text_of
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import from_us

from gitdailies_webhooks.derived.related import Found, Reader
from gitdailies_webhooks.derived.update.incident_rows import StoredIncident
from gitdailies_webhooks.derived.update.outcomes import Outcome
from gitdailies_webhooks.events.intake import RECEIVED_AT
from gitdailies_webhooks.figures import story
from gitdailies_webhooks.figures.corrections import FAILED as FAILED_BY_HAND
from gitdailies_webhooks.figures.corrections import NOT_AN_INCIDENT
from gitdailies_webhooks.figures.facts import Outage, first_outage
from gitdailies_webhooks.figures.reasons import UNKNOWN
from gitdailies_webhooks.figures.settings import DEFINITIONS, FigureSettings

# The states of a deploy and of an incident. One that waits is not derived yet.
FAILED, PENDING, SUCCEEDED, REPEAT = "failed", "pending", "succeeded", "repeat"
OPEN, RESOLVED, CLOSED, DUPLICATE, WAITING = "open", "resolved", "closed", "duplicate", "waiting"
DISMISSED = "dismissed"
DEPLOY_STATES = (FAILED, PENDING, SUCCEEDED, REPEAT, WAITING)
INCIDENT_STATES = (OPEN, RESOLVED, CLOSED, DUPLICATE, DISMISSED, WAITING)

# What names an event in a reference to it.
NAMING = ("repo", "environment", "service", "commitSHA", "type", "incidentId", "title", "severity", "url")
NOTHING_RELATED: Mapping[str, Any] = MappingProxyType(
    {
        "deploy": None,
        "before": None,
        "after": None,
        "repeats": None,
        "fixes": None,
        "resolution": None,
        "mergedInto": None,
        "incidents": [],
        "remediedBy": [],
        "remedies": [],
    }
)


def event(session: Session, id_: str, settings: FigureSettings, now: int) -> dict[str, Any] | None:
    """Return an event with its verdicts and what is related to it; None if no event has this id."""
    reader = Reader(session, settings, now)
    found = reader.event(id_)
    if found is None:
        return None
    if found.kind == DEPLOYED:
        related = _deploy(reader, found)["related"]
    elif found.kind == INCIDENT_STARTED:
        related = _incident(reader, found)["related"]
    else:
        related = _end(reader, found)
    return {
        "definitions": DEFINITIONS,
        "event": _full(found),
        "verdicts": reader.verdicts(found.id),
        "related": related,
    }


def deploy(session: Session, id_: str, settings: FigureSettings, now: int) -> dict[str, Any] | None:
    """Return a deploy with its commits, outcome and timeline; None if no deploy has this id."""
    reader = Reader(session, settings, now)
    found = deploy_of(reader, id_)
    return None if found is None else _with_verdicts(reader, found)


def incident(session: Session, id_: str, settings: FigureSettings, now: int) -> dict[str, Any] | None:
    """Return an occurrence of an incident, by the id of its start; None if there is none.

    The sender's id of the incident (`incidentId`) gives its newest occurrence.
    """
    reader = Reader(session, settings, now)
    found = incident_of(reader, id_)
    return None if found is None else _with_verdicts(reader, found)


def deploy_of(reader: Reader, id_: str) -> dict[str, Any] | None:
    """Return the same for a deploy, without the verdicts, which take as long as all the rest."""
    found = reader.event(id_)
    if found is None or found.kind != DEPLOYED:
        return None
    return _whole(reader, found, _deploy(reader, found))


def incident_of(reader: Reader, id_: str) -> dict[str, Any] | None:
    """Return the same for an incident, without the verdicts."""
    found = reader.event(id_)
    if found is None or found.kind != INCIDENT_STARTED:
        newest = reader.start_of(id_)
        found = None if newest is None else reader.event(newest)
    return None if found is None else _whole(reader, found, _incident(reader, found))


def _whole(reader: Reader, found: Found, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"definitions": DEFINITIONS, "asOf": _text(reader.now), "event": _full(found), **answer}


def _with_verdicts(reader: Reader, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {**answer, "verdicts": reader.verdicts(answer["event"]["id"])}


class _References:
    """References to events, which are read at once."""

    def __init__(self, reader: Reader, ids: Iterable[str | None]) -> None:
        self._bodies = reader.bodies(ids)

    def one(self, id_: str | None) -> dict[str, Any] | None:
        body = None if id_ is None else self._bodies.get(id_)
        return None if body is None else reference(body)

    def many(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        return [ref for id_ in ids if (ref := self.one(id_)) is not None]

    def incidents(self, rows: Iterable[StoredIncident]) -> list[dict[str, Any]]:
        """Return references to starts, each with when the occurrence ended; None while it is open."""
        return [
            {**ref, "endedAt": None if row.ended_at is None else _text(row.ended_at)}
            for row in rows
            if (ref := self.one(row.id)) is not None
        ]


def _deploy(reader: Reader, found: Found) -> dict[str, Any]:
    """Return the detail of a deploy: its state, commits, related events and timeline."""
    outcome = reader.outcome(found.id)
    incidents = reader.incidents_of(found.id)
    remedied_by = reader.remedied_by(found.id)
    remedies = reader.remedied(found.id)
    fixed = reader.start_of(found.body.get("fixes"))
    repeats, type_, unknown, judged = reader.result(found.id)
    before, after = reader.neighbors(outcome)
    changes = reader.changes(found, outcome)
    refs = _References(
        reader,
        (
            *(before, after, repeats, fixed),
            *(row.id for row in incidents),
            *(id_ for id_, _ in remedied_by),
            *remedies,
        ),
    )
    troubles = [_trouble(row) for row in incidents]
    nodes = _nodes(reader, found, changes, troubles, remedied_by)
    failed = judged == FAILED_BY_HAND if judged else bool(incidents or remedied_by)
    outage = first_outage(map(_Span.of, troubles))
    return {
        "state": _deploy_state(reader, found, outcome, failed=failed),
        "settledAt": _text(found.at + reader.settings.window_us),
        "type": type_,
        "commits": [_change(change, found.at) for change in changes],
        "commitsUnknown": UNKNOWN.get(unknown),
        **(_recovery(outage, [at - found.at for _, at in remedied_by]) if failed else _NO_RECOVERY),
        "related": {
            **NOTHING_RELATED,
            "before": refs.one(before),
            "after": refs.one(after),
            "repeats": refs.one(repeats),
            "fixes": refs.one(fixed),
            "incidents": refs.incidents(incidents),
            "remediedBy": refs.many(id_ for id_, _ in remedied_by),
            "remedies": refs.many(remedies),
        },
        "timeline": nodes,
        "correction": _correction(reader, found),
    }


def _incident(reader: Reader, found: Found) -> dict[str, Any]:
    """Return the detail of an occurrence: its state, attribution, related events and timeline."""
    occurrences = reader.occurrences(found)
    row = next((one for one in occurrences if one.id == found.id), None)
    trouble = None if row is None else _trouble(row)
    end = None if trouble is None or trouble.end is None else trouble.end
    ended = None if end is None else reader.event(end.id)
    cause = None if row is None or row.deploy is None else reader.event(row.deploy)
    merged_into = reader.start_of(None if ended is None else ended.body.get("mergedInto"))
    near = [] if row is None else reader.near(row)
    changes, remedied_by = [], []
    if cause is not None:
        changes = reader.changes(cause, reader.outcome(cause.id))
        remedied_by = reader.remedied_by(cause.id)
    refs = _References(
        reader,
        (
            *(merged_into, None if row is None else row.wide),
            *(one.id for one in occurrences),
            *(id_ for id_, _ in remedied_by),
            *near,
        ),
    )
    return {
        "state": _incident_state(found, row, occurrences),
        "durationSeconds": None if end is None else (end.at - found.at) / 1_000_000,
        "attribution": {
            "how": None if row is None else row.how,
            "causedBy": None if row is None else row.cause,
            "wide": None if row is None else refs.one(row.wide),
            "near": refs.many(near),
        },
        "related": {
            **NOTHING_RELATED,
            "deploy": None if cause is None else reference(cause.body),
            "resolution": None if ended is None else reference(ended.body),
            "mergedInto": refs.one(merged_into),
            "incidents": refs.incidents(one for one in occurrences if one.id != found.id),
            "remediedBy": refs.many(id_ for id_, _ in remedied_by),
        },
        "timeline": _nodes(reader, cause, changes, [] if trouble is None else [trouble], remedied_by),
        "correction": _correction(reader, found),
    }


def _end(reader: Reader, found: Found) -> dict[str, Any]:
    """Return what is related to the end of an incident."""
    ended = [row for row in reader.occurrences(found) if row.end_id == found.id]
    merged_into = reader.start_of(found.body.get("mergedInto"))
    causes = [row.deploy for row in ended if row.deploy is not None]
    refs = _References(reader, (merged_into, *causes, *(row.id for row in ended)))
    return {
        **NOTHING_RELATED,
        "deploy": refs.one(causes[0]) if causes else None,
        "incidents": refs.incidents(ended),
        "mergedInto": refs.one(merged_into),
    }


def _deploy_state(reader: Reader, found: Found, outcome: Outcome | None, *, failed: bool) -> str:
    if outcome is None:
        return WAITING
    if not outcome.counts:
        return REPEAT
    if failed:
        return FAILED
    return PENDING if found.at > reader.now - reader.settings.window_us else SUCCEEDED


def _incident_state(found: Found, row: StoredIncident | None, occurrences: Sequence[StoredIncident]) -> str:
    if row is None:
        return DUPLICATE if any(one.at <= found.at for one in occurrences) else WAITING
    if row.how == NOT_AN_INCIDENT:
        return DISMISSED
    if row.ended_at is None:
        return OPEN
    return CLOSED if row.merged else RESOLVED


def _correction(reader: Reader, found: Found) -> dict[str, Any] | None:
    """Return the correction of an event, with who made it, when and why."""
    made = reader.correction(found.id)
    if made is None:
        return None
    at = _text(made.at)
    return {"what": made.what, "deploy": made.deploy, "reason": made.reason, "by": made.actor, "at": at}


def _nodes(
    reader: Reader,
    cause: Found | None,
    changes: Sequence[story.Change],
    troubles: Sequence[story.Trouble],
    remedied_by: Sequence[tuple[str, int]],
) -> list[dict[str, Any]]:
    deployed = None if cause is None else story.Happening(cause.id, cause.at)
    remedies = [story.Happening(id_, at) for id_, at in remedied_by]
    return [_node(node) for node in story.story(deployed, changes, troubles, remedies, reader.now)]


class _Span(NamedTuple):
    began_at: int
    ended_at: int | None
    merged: bool

    @classmethod
    def of(cls, trouble: story.Trouble) -> _Span:
        return cls(trouble.start.at, None if trouble.end is None else trouble.end.at, trouble.merged)


def _trouble(row: StoredIncident) -> story.Trouble:
    end = None
    if row.end_id is not None and row.ended_at is not None:
        end = story.Happening(row.end_id, row.ended_at)
    return story.Trouble(story.Happening(row.id, row.at), end, bool(row.merged))


_NO_RECOVERY: Mapping[str, Any] = MappingProxyType({"recoverySeconds": None, "recoveredBy": None})


def _recovery(outage: Outage | None, remedied_after: list[int]) -> dict[str, Any]:
    """Return how long the deploy was failed, and what says so: incident, remedy, or null."""
    if outage is not None:
        seconds = None if outage.duration_us is None else outage.duration_us / 1_000_000
        return {"recoverySeconds": seconds, "recoveredBy": None if seconds is None else "incident"}
    if remedied_after:
        return {"recoverySeconds": min(remedied_after) / 1_000_000, "recoveredBy": "remedy"}
    return dict(_NO_RECOVERY)


def _change(change: story.Change, deployed_at: int) -> dict[str, Any]:
    lead = change.lead_time(deployed_at)
    return {
        "sha": change.sha,
        "time": None if change.at is None else _text(change.at),
        "new": change.new,
        "leadTimeSeconds": None if lead is None else lead / 1_000_000,
    }


def _node(node: story.Node) -> dict[str, Any]:
    return {
        "time": _text(node.at),
        "what": node.what,
        "id": node.id or None,
        "sha": node.sha or None,
        "of": node.of or None,
        "afterSeconds": None if node.after is None else node.after / 1_000_000,
        "gap": node.gap or None,
    }


def reference(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reference to an event: its id, kind and time, and what names it."""
    return {
        "id": body["id"],
        "kind": body["kind"],
        "time": body["time"],
        **{name: body[name] for name in NAMING if body.get(name)},
    }


def _full(found: Found) -> dict[str, Any]:
    """Return an event in full, with when it was received."""
    return {**found.body, RECEIVED_AT: _text(found.received_at)}


def _text(at: int) -> str:
    return text_of(from_us(at))
