"""Rows of incidents: their occurrences, and the deploys that each one is attributed to, one after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.repositories import parse_bodies
from gitdailies_webhooks.derived.update import shas
from gitdailies_webhooks.derived.update.attribution import (
    FOREVER,
    Candidate,
    Cause,
    Span,
    by_cause,
    by_hand,
    by_nothing,
    by_time,
    causes,
    dismissed,
)
from gitdailies_webhooks.derived.update.outcomes import Change, Outcome, place_key, read_outcomes
from gitdailies_webhooks.derived.update.packed_weeks import unpack
from gitdailies_webhooks.derived.update.shas import Lengths
from gitdailies_webhooks.figures.corrections import (
    NAMED_NONE,
    NONE,
    NOT_AN_INCIDENT,
    Corrections,
    of_incident,
)
from gitdailies_webhooks.figures.incidents import Occurrence, occurrences
from gitdailies_webhooks.figures.settings import WIDE_WINDOW_US, FigureSettings, folded
from gitdailies_webhooks.sql.bulk import Lookup, execute_many, insert_many, lookup_many

_IncidentKey = tuple[str, str]  # repository and incident id, which all occurrences of an incident share


class StoredIncident(NamedTuple):
    """A row of `figures_incidents`: an occurrence in a span of time in which it is attributed alike."""

    id: str
    since: int
    until: int
    repo: str
    environment: str
    service: str
    incident_id: str
    at: int
    end_id: str | None
    ended_at: int | None
    merged: int
    cause: str | None
    deploy: str | None
    deploy_service: str | None
    deploy_at: int | None
    how: str
    wide: str | None

    @property
    def incident(self) -> _IncidentKey:
        return (self.repo, self.incident_id)

    @property
    def key(self) -> tuple[str, int]:
        return (self.id, self.since)

    @property
    def counts_at(self) -> int:
        """The time whose figures it is in: that of its deploy, or its own."""
        return self.at if self.deploy_at is None else self.deploy_at

    def is_known(self, now: int) -> bool:
        """Whether the row holds at a moment. One that is no incident holds from its start on."""
        if self.how == NOT_AN_INCIDENT:
            return self.at <= now
        return self.since <= now < self.until


class _Whole(NamedTuple):
    """An occurrence, and what is named as its cause over time."""

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
    def of(cls, occurrence: Occurrence) -> _Whole:
        start, end = occurrence.start, occurrence.end
        return cls(
            start.id,
            *place_key(start.place),
            start.incident,
            start.at,
            None if end is None else end.id,
            None if end is None else end.at,
            int(occurrence.merged),
            causes(occurrence),
        )

    @classmethod
    def stored(cls, rows: Sequence[StoredIncident]) -> _Whole:
        """Return the occurrence of all of its rows."""
        named: list[Cause] = []
        for row in sorted(rows, key=lambda row: row.since):
            if not named or named[-1].sha != row.cause:
                named.append(Cause(row.since, row.cause))
        one = rows[0]
        return cls._make((one.id, *one[3:11], tuple(named)))

    def periods(self) -> Iterator[tuple[int, int, str | None]]:
        """Yield each cause with the moments from which and until which it is named."""
        ends = [*(cause.since for cause in self.causes[1:]), FOREVER]
        for (since, sha), until in zip(self.causes, ends, strict=True):
            yield since, until, sha

    def row(self, span: Span) -> StoredIncident:
        deploy = span.deploy
        linked = (None, None, None) if deploy is None else (deploy.id, deploy.service, deploy.at)
        beginning = (self.id, span.since, span.until, *self[1:9])
        return StoredIncident._make((*beginning, span.cause, *linked, span.how, span.wide))


def update(
    session: Session,
    changes: Sequence[Change],
    changed: set[_IncidentKey],
    lengths: Lengths,
    settings: FigureSettings,
    corrections: Corrections = NONE,
) -> None:
    """Attribute again the incidents near changed deploys, and pair those of *changed* incidents again.

    *changed* are the incidents whose events or corrections arrived, were deleted or changed.
    """
    paired = {whole.id: whole for whole in _paired(session, changed, settings)}
    near = {row.id for row in _near(session, changes, lengths, settings.window_us)}
    near |= _corrected_to(changes, corrections)
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
    unpack(session, [(row.environment, row.counts_at) for row in (*map(stored.__getitem__, outdated), *new)])
    execute_many(session, statements.DELETE_INCIDENT, outdated)
    lengths.note((row.repo, row.cause) for row in new if row.cause not in (None, NAMED_NONE))
    insert_many(session, "figures_incidents", statements.INCIDENT_COLUMNS, new)


_BY_ID, _OF_INCIDENT = statements.INCIDENTS_BY_ID, statements.OCCURRENCES


def _paired(session: Session, incidents: set[_IncidentKey], settings: FigureSettings) -> Iterator[_Whole]:
    """Pair the starts and ends of incidents."""
    rows = [(incident,) for incident in sorted({incident for _, incident in incidents})]
    found = lookup_many(session, "incident_id", rows, statements.BODIES_OF_INCIDENT)
    bodies = (body for incident, repo, body in found if (folded(repo), incident) in incidents)
    history = parse_bodies(session, bodies, settings, FOREVER)
    return map(_Whole.of, occurrences(history.starts, history.ends))


def _near(
    session: Session, changes: Sequence[Change], lengths: Lengths, window: int
) -> Iterator[StoredIncident]:
    """Yield rows of incidents that may have to be attributed to another deploy."""
    sides = [side for change in changes for side in change.sides if side.counts]
    later, caused = _where_incidents_are(session, sides)
    near = [side for side in sides if side.place[:2] in later]
    rows = [(number, *side.place, *side.order) for number, side in enumerate(near)]
    columns = "number, repo, environment, service, at, id"
    between = []
    for number, _, next_at in lookup_many(session, columns, rows, statements.DEPLOYS_AFTER):
        side = near[number]
        until = side.at + max(window, WIDE_WINDOW_US) - 1
        between.append((*side.place, side.at, until if next_at is None else min(next_at, until)))
    columns = "repo, environment, service, since, until"
    yield from _rows(session, columns, between, statements.INCIDENTS_BETWEEN)
    named = [side for side in sides if side.place[:2] in caused]
    wanted = {((side.repo, side.environment), sha) for side in named for sha in _findable(side)}
    causes = lengths.matching(shas.CAUSES, wanted)
    given = {(*where, sha) for where, sha in shas.by_sha(causes)}
    yield from _rows(session, "repo, environment, sha", given, statements.INCIDENTS_CAUSED_BY)


def _where_incidents_are(
    session: Session, sides: Iterable[Outcome]
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Return the repositories and environments with incidents since the first deploy, and with named causes.

    Where events come in order, a new deploy has no incident behind it.
    """
    first: dict[tuple[str, str], int] = {}
    for side in sides:
        first[side.place[:2]] = min(first.get(side.place[:2], side.at), side.at)
    where = list(first)
    rows = [(number, *one, first[one]) for number, one in enumerate(where)]
    columns = "number, repo, environment, since"
    found = list(lookup_many(session, columns, rows, statements.INCIDENTS_SINCE))
    later = {where[number] for number, since, _ in found if since is not None}
    return later, {where[number] for number, _, cause in found if cause is not None}


def _corrected_to(changes: Sequence[Change], corrections: Corrections) -> set[str]:
    """Return the starts that corrections attribute to one of the changed deploys."""
    changed = {side.id for change in changes for side in change.sides}
    return {start for start, one in corrections.items() if one.deploy in changed} if corrections else set()


def _findable(side: Outcome) -> Iterator[str]:
    """Yield the commits by which a cause finds a deploy."""
    return (sha for sha, brought in side.commits.items() if brought or sha == side.sha)


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
    latest = _latest(session, uncaused, max(window, WIDE_WINDOW_US))
    caused: set[tuple[tuple[str, ...], str]] = {
        ((whole.repo, whole.environment), cause.sha)
        for whole in wholes
        for cause in whole.causes
        if cause.sha not in (None, NAMED_NONE)
    }
    candidates = _candidates(session, caused, lengths)
    for whole in wholes:
        for since, until, sha in whole.periods():
            if sha is None:
                yield whole.row(by_time(whole.at, since, until, latest.get(whole.id), window))
                continue
            if sha == NAMED_NONE:
                yield whole.row(by_nothing(since, until, sha))
                continue
            found = candidates[(whole.repo, whole.environment), sha]
            for span in by_cause(whole.at, whole.service, sha, since, until, found):
                yield whole.row(span)


def _corrected(
    session: Session, wholes: Sequence[_Whole], corrections: Corrections
) -> Iterator[StoredIncident]:
    """Attribute incidents as corrections say."""
    chosen = (corrections[whole.id].deploy for whole in wholes)
    deploys = read_outcomes(session, (id_ for id_ in chosen if id_ is not None))
    for whole in wholes:
        correction = corrections[whole.id]
        if correction.what == NOT_AN_INCIDENT:
            yield whole.row(dismissed(whole.at))
        elif correction.deploy is None:
            yield whole.row(by_nothing(whole.at, FOREVER))
        else:
            cause, where = deploys.get(correction.deploy), (whole.repo, whole.environment)
            if cause is not None and not (cause.counts and cause.place[:2] == where):
                cause = None
            for span in by_hand(whole.at, None if cause is None else _candidate(cause)):
                yield whole.row(span)


def _latest(session: Session, wholes: Sequence[_Whole], within: int) -> dict[str, Candidate]:
    """Return, by the id of an incident, the latest deploy less than *within* before it."""
    of_service, of_any = [], []
    for number, one in enumerate(wholes):
        since = one.at - within
        if one.service:
            of_service += [
                (number, one.repo, one.environment, service, one.at, since) for service in (one.service, "")
            ]
        else:
            of_any.append((number, one.repo, one.environment, one.at, since))
    ids: list[tuple[int, str]] = []
    for columns, rows, query in (
        ("number, repo, environment, service, at, since", of_service, statements.LATEST_DEPLOY_OF_SERVICE),
        ("number, repo, environment, at, since", of_any, statements.LATEST_DEPLOY_OF_ANY_SERVICE),
    ):
        found = lookup_many(session, columns, rows, query)
        ids += [(number, id_) for number, id_ in found if id_ is not None]
    deploys = read_outcomes(session, {id_ for _, id_ in ids})
    latest: dict[str, Candidate] = {}
    for number, id_ in ids:
        incident, candidate = wholes[number].id, _candidate(deploys[id_])
        latest[incident] = max(latest.get(incident, candidate), candidate)
    return latest


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


def _candidate(deploy: Outcome) -> Candidate:
    return Candidate(deploy.at, deploy.id, deploy.service)


def _rows(
    session: Session, columns: str, given: Iterable[tuple[Any, ...]], lookup: Lookup
) -> Iterator[StoredIncident]:
    return (StoredIncident(*found) for found in lookup_many(session, columns, sorted(given), lookup))
