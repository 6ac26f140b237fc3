"""Rows of incidents: their occurrences, and the deploys that each one is attributed to, one after another."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import (
    LISTED_FIRST,
    DeployChange,
    StoredDeploy,
    read_deploys_by_id,
    target_key,
)
from gitdailies_dora.derived.model.incidents import FOREVER, IncidentKey, StoredIncident, latest_deploys
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.derived.update import shas
from gitdailies_dora.derived.update.attribution import (
    Candidate,
    Cause,
    Span,
    by_cause,
    by_hand,
    by_time,
    causes,
)
from gitdailies_dora.derived.update.packed_weeks import unpack
from gitdailies_dora.derived.update.shas import Lengths
from gitdailies_dora.figures.history.corrections import (
    NAMED_NONE,
    NONE,
    NOT_AN_INCIDENT,
    Corrections,
    of_incident,
)
from gitdailies_dora.figures.history.incidents import NO_CAUSE, Occurrence, occurrences
from gitdailies_dora.figures.history.settings import WIDE_WINDOW_US, FigureSettings
from gitdailies_dora.sql.bulk import Lookup, insert_many, lookup_many


class _Whole(NamedTuple):
    """An occurrence, and the causes named for it over time."""

    id: str
    repo: str
    environment: str
    service: str
    incident_id: str
    at: int
    end_id: str | None
    ended_at: int | None
    merged: int
    causes: tuple[Cause, ...]

    @classmethod
    def of(cls, occurrence: Occurrence) -> "_Whole":
        start, end = occurrence.start, occurrence.end
        return cls(
            start.id,
            *target_key(start.target),
            start.incident,
            start.at,
            None if end is None else end.id,
            None if end is None else end.at,
            int(occurrence.merged),
            causes(occurrence),
        )

    @classmethod
    def stored(cls, rows: Sequence[StoredIncident]) -> "_Whole":
        """Return the occurrence of all of its rows."""
        named: list[Cause] = []
        for row in sorted(rows, key=lambda row: row.since):
            if not named or named[-1].sha != row.cause:
                named.append(Cause(row.since, row.cause))
        one = rows[0]
        return cls._make((one.id, *one[3:11], tuple(named)))

    def row(self, span: Span) -> StoredIncident:
        deploy = span.deploy
        linked = (None, None, None) if deploy is None else (deploy.id, deploy.service, deploy.at)
        beginning = (self.id, span.since, span.until, *self[1:9])
        return StoredIncident._make((*beginning, span.cause, *linked, span.how, span.wide))


def update(
    session: Session,
    changes: Sequence[DeployChange],
    changed: set[IncidentKey],
    lengths: Lengths,
    settings: FigureSettings,
    corrections: Corrections = NONE,
) -> None:
    """Attribute again the incidents near changed deploys, and pair those of *changed* incidents again.

    *changed* are the incidents whose events or corrections arrived, were deleted or changed.
    """
    paired = {whole.id: whole for whole in _paired(session, changed, settings)}
    near = {row.id for row in _near(session, changes, lengths, settings.window_us)}
    # Those that corrections attribute to one of the changed deploys.
    ids = {side.id for change in changes for side in change.sides} if corrections else ()
    near |= {start for start, one in corrections.items() if one.deploy in ids}
    # A deleted event may have come back under its id, and its old row may be that of another incident.
    stored = {row.key: row for row in _rows(session, "id", {(i,) for i in near | paired.keys()}, _BY_ID)}
    stored |= {row.key: row for row in _rows(session, "repo, incident_id", changed, _OF_INCIDENT)}
    spans: dict[str, list[StoredIncident]] = defaultdict(list)
    for row in stored.values():
        if row.incident not in changed and row.id not in paired:
            spans[row.id].append(row)
    wholes = [*paired.values(), *map(_Whole.stored, spans.values())]
    rows = {row.key: row for row in _attributed(session, wholes, lengths, settings, corrections)}
    outdated = [key for key, row in stored.items() if rows.get(key) != row]
    new = [row for key, row in rows.items() if stored.get(key) != row]
    unpack(session, (span for row in (*map(stored.__getitem__, outdated), *new) for span in row.spans))
    session.executemany(statements.DELETE_INCIDENT, outdated)
    lengths.note((row.repo, row.cause) for row in new if row.cause not in (None, NAMED_NONE))
    insert_many(session, "figures_incidents", statements.INCIDENT_COLUMNS, new)


_BY_ID, _OF_INCIDENT = statements.INCIDENTS_BY_ID, statements.OCCURRENCES


def _paired(session: Session, incidents: set[IncidentKey], settings: FigureSettings) -> Iterator[_Whole]:
    rows = [(incident,) for incident in sorted({incident for _, incident in incidents})]
    found = lookup_many(session, "incident_id", rows, statements.BODIES_OF_INCIDENT)
    bodies = (body for incident, repo, body in found if (settings.repo(repo), incident) in incidents)
    history = parse_bodies(session, bodies, settings, FOREVER)
    return map(_Whole.of, occurrences(history.starts, history.ends))


def _near(
    session: Session, changes: Sequence[DeployChange], lengths: Lengths, window: int
) -> Iterator[StoredIncident]:
    """Yield rows of incidents that may have to be attributed to another deploy."""
    sides = [side for change in changes for side in change.sides if side.counts]
    later, caused = _where_incidents_are(session, sides)
    near = [side for side in sides if side.target[:2] in later]
    rows = [(number, *side.target, *side.order) for number, side in enumerate(near)]
    columns = "number, repo, environment, service, at, id"
    between, first_named = [], list(_first_named(session, changes))
    # Until the next one, it may be the latest deploy before an incident that is attributed to none.
    latest = [(environment, since, until) for _, environment, _, since, until in first_named]
    for number, _, next_at in lookup_many(session, columns, rows, statements.DEPLOYS_AFTER):
        side = near[number]
        until = side.at + max(window, WIDE_WINDOW_US) - 1
        between.append((*side.target, side.at, until if next_at is None else min(next_at, until)))
        latest.append((side.environment, side.at, FOREVER if next_at is None else next_at))
    unpack(session, latest)
    columns = "repo, environment, service, since, until"
    yield from _rows(session, columns, between, statements.INCIDENTS_BETWEEN)
    yield from _rows(session, columns, first_named, statements.INCIDENTS_OF_SERVICE)
    # A cause finds a deploy by its own commit, and by those that it listed first.
    wanted = {
        (side.target[:2], sha)
        for side in sides
        if side.target[:2] in caused
        for sha, how in side.commits.items()
        if how == LISTED_FIRST or sha == side.sha
    }
    causes = lengths.matching(shas.CAUSES, wanted)
    given = {(*where, sha) for where, sha in shas.by_sha(causes)}
    yield from _rows(session, "repo, environment, sha", given, statements.INCIDENTS_CAUSED_BY)


def _first_named(session: Session, changes: Sequence[DeployChange]) -> Iterator[tuple[Any, ...]]:
    """Yield from when until when a changed deploy is the only one so far that names its service.

    Incidents of that service are compared with it from then on.
    """
    named = [side for change in changes for side in change.sides if side.service]
    rows = [(number, *side.target, *side.order) for number, side in enumerate(named)]
    columns = "number, repo, environment, service, at, id"
    for number, before, next_at in lookup_many(session, columns, rows, statements.NAMED_AROUND):
        if before is None:
            side = named[number]
            yield (*side.target, side.at, FOREVER if next_at is None else next_at)


def _where_incidents_are(
    session: Session, sides: Iterable[StoredDeploy]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the repositories and environments with incidents since the first deploy, and with named causes.

    Where events come in order, a new deploy has no incident behind it.
    """
    first: dict[tuple[str, str], int] = {}
    for side in sides:
        first[side.target[:2]] = min(first.get(side.target[:2], side.at), side.at)
    where = list(first)
    rows = [(number, *one, first[one]) for number, one in enumerate(where)]
    columns = "number, repo, environment, since"
    found = list(lookup_many(session, columns, rows, statements.INCIDENTS_SINCE))
    later = {where[number] for number, since, _ in found if since is not None}
    return later, {where[number] for number, _, cause in found if cause is not None}


def _attributed(
    session: Session,
    wholes: Sequence[_Whole],
    lengths: Lengths,
    settings: FigureSettings,
    corrections: Corrections,
) -> Iterator[StoredIncident]:
    given = {whole.id: one for whole in wholes if (one := of_incident(corrections, whole.id)) is not None}
    yield from _corrected(session, [whole for whole in wholes if whole.id in given], given)
    wholes = [whole for whole in wholes if whole.id not in given]
    window = settings.window_us
    uncaused = [whole for whole in wholes if any(sha is None for _, sha in whole.causes)]
    where = [(*whole[1:4], whole.at) for whole in uncaused]
    latest = {
        uncaused[number].id: _candidate(deploy)
        for number, deploy in latest_deploys(session, where, max(window, WIDE_WINDOW_US)).items()
    }
    caused: set[tuple[tuple[str, ...], str]] = {
        ((whole.repo, whole.environment), cause.sha)
        for whole in wholes
        for cause in whole.causes
        if cause.sha not in (None, NAMED_NONE)
    }
    candidates = _candidates(session, caused, lengths)
    for whole in wholes:
        ends = [*(cause.since for cause in whole.causes[1:]), FOREVER]
        for (since, sha), until in zip(whole.causes, ends, strict=True):
            if sha is None:
                yield whole.row(by_time(whole.at, since, until, latest.get(whole.id), window))
                continue
            if sha == NAMED_NONE:
                yield whole.row(Span(since, until, sha, None, NO_CAUSE))
                continue
            found = candidates[(whole.repo, whole.environment), sha]
            for span in by_cause(whole.at, whole.service, sha, since, until, found):
                yield whole.row(span)


def _corrected(
    session: Session, wholes: Sequence[_Whole], corrections: Corrections
) -> Iterator[StoredIncident]:
    chosen = (corrections[whole.id].deploy for whole in wholes)
    deploys = read_deploys_by_id(session, (id_ for id_ in chosen if id_ is not None))
    for whole in wholes:
        correction = corrections[whole.id]
        if correction.what == NOT_AN_INCIDENT:
            # Its span is empty, so that it is in no figure.
            yield whole.row(Span(whole.at, whole.at, None, None, NOT_AN_INCIDENT))
        elif correction.deploy is None:
            yield whole.row(Span(whole.at, FOREVER, None, None, NO_CAUSE))
        else:
            cause, where = deploys.get(correction.deploy), (whole.repo, whole.environment)
            if cause is not None and not (cause.counts and cause.target[:2] == where):
                cause = None
            for span in by_hand(whole.at, None if cause is None else _candidate(cause)):
                yield whole.row(span)


def _candidates(
    session: Session, wanted: set[tuple[tuple[str, ...], str]], lengths: Lengths
) -> dict[tuple[tuple[str, ...], str], list[Candidate]]:
    """Return the deploys that are of a commit or brought it, by repository and environment, and by SHA."""
    matching = lengths.matching(shas.MENTIONED_ANYWHERE, wanted)
    keys = sorted(shas.by_sha(matching))
    rows = [(number, *where, sha) for number, (where, sha) in enumerate(keys)]
    found: dict[tuple[tuple[str, ...], str], list[Candidate]] = defaultdict(list)
    columns = "number, repo, environment, sha"
    for number, service, at, deploy in lookup_many(session, columns, rows, statements.CANDIDATES):
        found[keys[number]].append(Candidate(at, deploy, service))
    return {
        (where, sha): [one for other in others for one in found.get((where, other), ())]
        for (where, sha), others in matching.items()
    }


def _candidate(deploy: StoredDeploy) -> Candidate:
    return Candidate(deploy.at, deploy.id, deploy.service)


def _rows(
    session: Session, columns: str, given: Iterable[tuple[Any, ...]], lookup: Lookup
) -> Iterator[StoredIncident]:
    return (StoredIncident(*found) for found in lookup_many(session, columns, sorted(given), lookup))
