"""One event, one deploy and one incident with everything that is related, as the API and the pages show it.

`related` reads the rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import text_of_us, to_us
from msgspec import Raw, structs

from gitdailies_dora.derived.model.deploys import StoredDeploy
from gitdailies_dora.derived.model.incidents import KnownSpan, StoredIncident
from gitdailies_dora.derived.read import answers
from gitdailies_dora.derived.read.events.related import Found, RelatedReader
from gitdailies_dora.events.listing import event_with_id, with_arrival
from gitdailies_dora.events.records.corrections import correction_of
from gitdailies_dora.figures.history.corrections import MOVED, NOT_AN_INCIDENT, REWORK, key_of
from gitdailies_dora.figures.history.facts import Outage, evidence_of, first_outage
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings
from gitdailies_dora.figures.words import timeline
from gitdailies_dora.figures.words.reasons import UNKNOWN

_Detail = TypeVar("_Detail", answers.EventDetail, answers.DeployDetail, answers.IncidentDetail)


def event(session: Session, id_: str, settings: FigureSettings, now: int) -> answers.EventDetail | None:
    """Return an event with its verdicts and what is related to it; None if no event has this id."""
    reader = RelatedReader(session, settings, now)
    found = reader.begin(partial(event_with_id, id_=id_))
    return None if found is None else _judged(_event, reader, found)


def deploy(session: Session, id_: str, settings: FigureSettings, now: int) -> answers.DeployDetail | None:
    """Return a deploy with its commits, outcome and timeline; None if no deploy has this id."""
    reader = RelatedReader(session, settings, now)
    found = reader.begin(partial(event_with_id, id_=id_))
    return None if found is None or found.kind != DEPLOYED else _judged(_deploy, reader, found)


def incident(session: Session, id_: str, settings: FigureSettings, now: int) -> answers.IncidentDetail | None:
    """Return an occurrence of an incident, by the id of its start; None if there is none.

    The sender's id of the incident (`incidentId`) gives its newest occurrence.
    """
    reader = RelatedReader(session, settings, now)
    found = reader.begin(partial(event_with_id, id_=id_))
    if found is None or found.kind != INCIDENT_STARTED:
        found = reader.start_of(id_)
    return None if found is None else _judged(_incident, reader, found)


def of_kind(
    reader: RelatedReader, found: Found
) -> answers.EventDetail | answers.DeployDetail | answers.IncidentDetail:
    """Return the detail of a deploy, of the start of an incident, or of another event."""
    if found.kind == DEPLOYED:
        return _judged(_deploy, reader, found)
    if found.kind == INCIDENT_STARTED:
        return _judged(_incident, reader, found)
    return _judged(_event, reader, found)


def _judged(read: Callable[[RelatedReader, Found], _Detail], reader: RelatedReader, found: Found) -> _Detail:
    detail, verdicts = reader.read_together(partial(read, reader, found), partial(reader.verdicts, found))
    judged: _Detail = structs.replace(detail, verdicts=verdicts)
    return judged


def _event(reader: RelatedReader, found: Found) -> answers.EventDetail:
    if found.kind == DEPLOYED:
        related = _deploy(reader, found).related
    elif found.kind == INCIDENT_STARTED:
        related = _incident(reader, found).related
    else:
        related = _end(reader, found)
    return answers.EventDetail(definitions=DEFINITIONS, event=_full(found), verdicts=(), related=related)


def failed_deploy(reader: RelatedReader, id_: str) -> answers.FailedDeploy | None:
    """Return the line of the review about a deploy, without the verdicts, which take as long as the rest."""
    event = reader.event(id_)
    if event is None or event.kind != DEPLOYED:
        return None
    found = _deploy(reader, event)
    return answers.FailedDeploy(
        deploy=event.reference,
        state=found.state,
        evidence=found.evidence,
        incidents=found.related.incidents,
        remedied_by=found.related.remedied_by,
        recovery_seconds=found.recovery_seconds,
        recovered_by=found.recovered_by,
    )


def unlinked_incident(reader: RelatedReader, id_: str, most_near: int) -> answers.UnlinkedIncident | None:
    """Return the line of the review about an incident, with the *most_near* nearest deploys."""
    event = reader.event(id_)
    if event is None or event.kind != INCIDENT_STARTED:
        return None
    found = _incident(reader, event)
    return answers.UnlinkedIncident(
        incident=event.reference,
        state=found.state,
        attributed_to=found.related.deploy,
        near=found.attribution.near[:most_near],
    )


_References: TypeAlias = "Mapping[str, answers.EventReference]"


def _many(refs: _References, ids: Iterable[str]) -> tuple[answers.EventReference, ...]:
    return tuple(refs[id_] for id_ in ids if id_ in refs)


def _incidents(refs: _References, rows: Iterable[StoredIncident]) -> tuple[answers.IncidentReference, ...]:
    """Return references to starts, each with when the occurrence ended; None while it is open."""
    return tuple(
        answers.IncidentReference(
            **structs.asdict(refs[row.id]),
            ended_at=None if row.ended_at is None else text_of_us(row.ended_at),
        )
        for row in rows
        if row.id in refs
    )


def _deploy(reader: RelatedReader, found: Found) -> answers.DeployDetail:
    """Return the detail of a deploy: its state, commits, related events and timeline; no verdicts."""
    outcome, incidents, remedied_by, remedies, fixed, result, *corrections = reader.read_together(
        partial(reader.outcome, found.id),
        partial(reader.incidents_of, found.id),
        partial(reader.remedied_by, found.id),
        partial(reader.remedied, found.id),
        partial(reader.start_of, found.texts.get("fixes")),
        partial(reader.result, found.id),
        partial(_correction, reader, found.id),
        partial(_correction, reader, key_of(found.id, REWORK)),
    )
    repeats, type_, unknown, judged = result

    def neighbors() -> tuple[str | None, str | None, _References]:
        before, after = reader.neighbors(outcome)
        of_rows = (*(row.id for row in incidents), *(id_ for id_, _ in remedied_by), *remedies)
        return before, after, reader.references((before, after, repeats, *of_rows))

    (before, after, refs), changes = reader.read_together(
        neighbors, partial(reader.changes, found, outcome, unknown)
    )
    troubles = [_trouble(row) for row in incidents]
    hows, by_evidence = {row.how for row in incidents}, reader.settings.by_evidence
    evidence = evidence_of(judged, hows, remedied=bool(remedied_by), by_evidence=by_evidence)
    recovery: tuple[float | None, str | None] = (None, None)
    if evidence:
        outage = first_outage(KnownSpan.at(reader.now, row.at, row.ended_at, row.merged) for row in incidents)
        recovery = _recovery(outage, [at - found.at for _, at in remedied_by])
    return answers.DeployDetail(
        definitions=DEFINITIONS,
        as_of=text_of_us(reader.now),
        event=_full(found),
        state=_deploy_state(reader, found, outcome, failed=bool(evidence)),
        evidence=evidence or None,
        settled_at=text_of_us(found.at + reader.settings.window_us),
        type=type_,
        commits=tuple(_commit(change, found.at) for change in changes),
        commits_unknown=UNKNOWN.get(unknown),
        recovery_seconds=recovery[0],
        recovered_by=recovery[1],
        related=answers.RelatedEvents(
            before=refs.get(before or ""),
            after=refs.get(after or ""),
            repeats=refs.get(repeats or ""),
            fixes=None if fixed is None else fixed.reference,
            incidents=_incidents(refs, incidents),
            remedied_by=_many(refs, (id_ for id_, _ in remedied_by)),
            remedies=_many(refs, remedies),
        ),
        timeline=_timeline(reader, found, changes, troubles, remedied_by),
        correction=corrections[0],
        rework_correction=corrections[1],
    )


def _incident(reader: RelatedReader, found: Found) -> answers.IncidentDetail:
    """Return the detail of an occurrence: its state, attribution, related events, timeline; no verdicts."""
    occurrences, correction, moved = reader.read_together(
        partial(reader.occurrences, found),
        partial(_correction, reader, found.id),
        partial(_move, reader, found.id),
    )
    row = next((one for one in occurrences if one.id == found.id), None)
    trouble = None if row is None else _trouble(row)
    end = None if trouble is None or trouble.end is None else trouble.end
    deploy_id = None if row is None else row.deploy
    ended, cause, near, remedied_by, outcome, result = reader.read_together(
        lambda: None if end is None else reader.event(end.id),
        lambda: None if deploy_id is None else reader.event(deploy_id),
        lambda: [] if row is None else reader.near(row),
        lambda: [] if deploy_id is None else reader.remedied_by(deploy_id),
        lambda: None if deploy_id is None else reader.outcome(deploy_id),
        lambda: None if deploy_id is None else reader.result(deploy_id),
    )

    of_rows = (*(one.id for one in occurrences), *(id_ for id_, _ in remedied_by), *near)
    merged, refs, changes = reader.read_together(
        lambda: reader.start_of(None if ended is None else ended.texts.get("mergedInto")),
        lambda: reader.references((None if row is None else row.wide, *of_rows)),
        lambda: [] if cause is None else reader.changes(cause, outcome, result[2]),
    )
    return answers.IncidentDetail(
        definitions=DEFINITIONS,
        as_of=text_of_us(reader.now),
        event=_full(found),
        state=_incident_state(found, row, occurrences),
        duration_seconds=None if end is None else (end.at - found.at) / 1_000_000,
        attribution=answers.Attribution(
            how=None if row is None else row.how,
            caused_by=None if row is None else row.cause,
            wide=None if row is None else refs.get(row.wide or ""),
            near=_many(refs, near),
        ),
        related=answers.RelatedEvents(
            deploy=None if cause is None else cause.reference,
            resolution=None if ended is None else ended.reference,
            merged_into=None if merged is None else merged.reference,
            incidents=_incidents(refs, (one for one in occurrences if one.id != found.id)),
            remedied_by=_many(refs, (id_ for id_, _ in remedied_by)),
        ),
        timeline=_timeline(reader, cause, changes, [] if trouble is None else [trouble], remedied_by),
        correction=correction,
        moved=moved,
    )


def _end(reader: RelatedReader, found: Found) -> answers.RelatedEvents:
    ended = [row for row in reader.occurrences(found) if row.end_id == found.id]
    merged = reader.start_of(found.texts.get("mergedInto"))
    causes = [row.deploy for row in ended if row.deploy is not None]
    refs = reader.references((*causes, *(row.id for row in ended)))
    return answers.RelatedEvents(
        deploy=refs.get(causes[0]) if causes else None,
        incidents=_incidents(refs, ended),
        merged_into=None if merged is None else merged.reference,
    )


def _deploy_state(reader: RelatedReader, found: Found, outcome: StoredDeploy | None, *, failed: bool) -> str:
    if outcome is None:
        return answers.WAITING
    if not outcome.counts:
        return answers.REPEAT
    if failed:
        return answers.FAILED
    return answers.PENDING if found.at > reader.now - reader.settings.window_us else answers.SUCCEEDED


def _incident_state(found: Found, row: StoredIncident | None, occurrences: Sequence[StoredIncident]) -> str:
    if row is None:
        return answers.DUPLICATE if any(one.at <= found.at for one in occurrences) else answers.WAITING
    if row.how == NOT_AN_INCIDENT:
        return answers.DISMISSED
    if row.ended_at is None:
        return answers.OPEN
    return answers.CLOSED if row.merged else answers.RESOLVED


def _correction(reader: RelatedReader, key: str) -> answers.EventCorrection | None:
    """Return a correction, by its `key_of`, with who made it, when and why."""
    made = correction_of(reader.session, key)
    if made is None:
        return None
    at = text_of_us(made.at)
    return answers.EventCorrection(
        what=made.what, deploy=made.deploy, reason=made.reason, by=made.actor, at=at
    )


def _move(reader: RelatedReader, id_: str) -> answers.EventMove | None:
    made = correction_of(reader.session, key_of(id_, MOVED))
    if made is None:
        return None
    return answers.EventMove(
        repo=made.deploy or "", reason=made.reason, by=made.actor, at=text_of_us(made.at)
    )


def _timeline(
    reader: RelatedReader,
    cause: Found | None,
    changes: Sequence[timeline.DeployedCommit],
    troubles: Sequence[timeline.Trouble],
    remedied_by: Sequence[tuple[str, int]],
) -> tuple[answers.TimelineStep, ...]:
    deployed = None if cause is None else timeline.Happening(cause.id, cause.at)
    remedies = [timeline.Happening(id_, at) for id_, at in remedied_by]
    return tuple(
        answers.TimelineStep(
            time=text_of_us(node.at),
            what=node.what,
            id=node.id or None,
            sha=node.sha or None,
            of=node.of or None,
            after_seconds=None if node.after is None else node.after / 1_000_000,
            gap=node.gap or None,
        )
        for node in timeline.timeline_of(deployed, changes, troubles, remedies, reader.now)
    )


def _trouble(row: StoredIncident) -> timeline.Trouble:
    end = None
    if row.end_id is not None and row.ended_at is not None:
        end = timeline.Happening(row.end_id, row.ended_at)
    return timeline.Trouble(timeline.Happening(row.id, row.at), end, bool(row.merged))


def _recovery(outage: Outage | None, remedied_after: list[int]) -> tuple[float | None, str | None]:
    """Return for how many seconds the deploy was failed, and what says so: incident, remedy, or None."""
    if outage is not None:
        seconds = None if outage.duration_us is None else outage.duration_us / 1_000_000
        return seconds, None if seconds is None else answers.INCIDENT
    if remedied_after:
        return min(remedied_after) / 1_000_000, answers.REMEDY
    return None, None


def _commit(change: timeline.DeployedCommit, deployed_at: int) -> answers.CommitDetail:
    lead = change.lead_time(deployed_at)
    return answers.CommitDetail(
        sha=change.sha,
        time=None if change.at is None else text_of_us(change.at),
        new=change.new,
        outside=change.outside,
        lead_time_seconds=None if lead is None else lead / 1_000_000,
    )


def _full(found: Found) -> Raw:
    """Return the JSON of an event in full, with when it was received."""
    return Raw(with_arrival(found.body, to_us(found.row.received_at)).encode())
