"""Why events count or not, from the derived rows of the events and of the few that concern them.

`figures.reasons` gives the verdicts. It is given a small history: the events themselves, with the facts of
the deploys and incidents that they are compared with, as these were at the moment of the question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_webhooks.derived import statements
from gitdailies_webhooks.derived.repositories import parse_bodies
from gitdailies_webhooks.derived.update.incident_rows import StoredIncident
from gitdailies_webhooks.derived.update.outcomes import read_outcomes
from gitdailies_webhooks.events import change_log
from gitdailies_webhooks.figures.corrections import NOT_AN_INCIDENT
from gitdailies_webhooks.figures.events import Deploy, End, History, Place, Start
from gitdailies_webhooks.figures.facts import DeployFacts, Facts, first_outage_of
from gitdailies_webhooks.figures.incidents import Incident, Link, Occurrence
from gitdailies_webhooks.figures.lead_time import NewCommit, NewCommits
from gitdailies_webhooks.figures.reasons import ALL, Reasons, Verdict
from gitdailies_webhooks.figures.remedies import Remedy
from gitdailies_webhooks.figures.repeats import Repeat
from gitdailies_webhooks.figures.selection import Selection
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.sql.bulk import Lookup, lookup_many

_BEHIND = Verdict(ALL, False, "behind", "it arrived a moment ago and is not counted yet; ask again")


class Event(NamedTuple):
    """A stored event: its number, id, folded repository and body."""

    seq: int
    id: str
    repo: str
    body: str


class _Row(NamedTuple):
    """What a deploy counts as, as its row has it."""

    id: str
    counts: int
    rule: str
    repeats: str
    type: str
    known: int
    unknown: str
    unknown_commits: int
    leads: str

    @property
    def new(self) -> NewCommits:
        """As many new commits as it has, with their lead times."""
        leads = [int(lead) for lead in self.leads.split(",") if lead]
        times = [*leads, *[None] * self.unknown_commits]
        return NewCommits(self.unknown, tuple(NewCommit("", lead) for lead in times))


def verdicts(
    session: Session, events: Sequence[Event], selection: Selection, settings: FigureSettings
) -> list[tuple[Verdict, ...]]:
    """Return the verdicts on each of *events*; the rows are those of *settings*."""
    until = change_log.read_until(session)
    now = selection.period.now
    history = parse_bodies(session, (event.body for event in events), settings, now)
    facts, known = _Reading(session, now).facts(history)
    reasons = Reasons(known, facts, selection, settings)
    derived = {found.deploy.id for found in facts.deploys} | facts.repeats.keys()
    waiting = {deploy.id for deploy in history.deploys} - derived
    return [
        (_BEHIND,) if event.seq > until or event.id in waiting else reasons.of(event.id) for event in events
    ]


class _Reading:
    """Reads rows as they were at the moment *now*."""

    def __init__(self, session: Session, now: int) -> None:
        self._session = session
        self._now = now

    def facts(self, history: History) -> tuple[Facts, History]:
        """Return the facts that concern a history, and the history with its deploys as they count."""
        deploys = {deploy.id: deploy for deploy in history.deploys}
        rows = self._rows(deploys)
        incidents = self._incidents(history)
        linked = {row.deploy for row in incidents if row.deploy is not None}
        counting = {id_ for id_, row in rows.items() if row.counts} | linked
        attributed = self._known(_given(counting), "id", statements.INCIDENTS_OF_DEPLOY)
        incidents = list({row.key: row for row in [*incidents, *attributed]}.values())
        remedied_by = self._remedies(counting, statements.REMEDIES_OF)
        by = {remedy for _, _, remedy, _ in remedied_by}
        remedied = self._remedies(counting | by, statements.REMEDIES_BY)
        others = linked | by | {deploy for deploy, *_ in remedied}
        others |= {row.repeats for row in rows.values() if row.repeats}
        others |= {row.wide for row in incidents if row.wide is not None}
        others |= {row.deploy for row in incidents if row.deploy is not None}
        stored = read_outcomes(self._session, others - deploys.keys())
        known = {id_: outcome.to_deploy() for id_, outcome in stored.items()}
        for id_, row in rows.items():
            known[id_] = deploys[id_]._replace(type=row.type, known=bool(row.known))
        return self._joined(rows, known, incidents, counting, remedied_by, remedied), history._replace(
            deploys=tuple(known.get(deploy.id, deploy) for deploy in history.deploys)
        )

    def _joined(
        self,
        rows: Mapping[str, _Row],
        known: Mapping[str, Deploy],
        stored: Iterable[StoredIncident],
        counting: set[str],
        remedied_by: Iterable[tuple[str, int, str, str]],
        remedied: Iterable[tuple[str, int, str, str]],
    ) -> Facts:
        ordered = sorted(stored, key=lambda row: (row.at, row.id))
        incidents = [self._incident(row, known) for row in ordered if row.how != NOT_AN_INCIDENT]
        dismissed = [self._incident(row, known).occurrence for row in ordered if row.how == NOT_AN_INCIDENT]
        of_deploy: dict[str, list[Incident]] = defaultdict(list)
        for incident in incidents:
            if incident.link.deploy is not None:
                of_deploy[incident.link.deploy.id].append(incident)
        remedies: dict[str, list[Deploy]] = defaultdict(list)
        for deploy, _, remedy, _ in remedied_by:
            remedies[deploy].append(known[remedy])
        undone: dict[str, list[Remedy]] = defaultdict(list)
        for deploy, _, remedy, sha in remedied:
            if deploy in known:
                undone[remedy].append(Remedy(known[deploy], sha))
        judged = dict(lookup_many(self._session, "id", _given(counting), statements.JUDGED))
        deploys = tuple(
            DeployFacts(
                known[id_],
                rows[id_].new if id_ in rows else NewCommits("", ()),
                tuple(of_deploy.get(id_, ())),
                tuple(sorted(remedies.get(id_, ()), key=lambda one: one.order)),
                first_outage_of(of_deploy.get(id_, ()), judged.get(id_, "")),
                judged.get(id_, ""),
            )
            for id_ in counting
            if id_ in known
        )
        repeats = {
            id_: Repeat(known[id_], row.rule, known[row.repeats])
            for id_, row in rows.items()
            if not row.counts
        }
        by_time = {id_: tuple(sorted(found, key=lambda one: one.order)) for id_, found in undone.items()}
        return Facts(deploys, tuple(incidents), by_time, repeats, tuple(dismissed))

    def _rows(self, ids: Iterable[str]) -> dict[str, _Row]:
        found = lookup_many(self._session, "id", _given(ids), statements.DEPLOY_RESULTS)
        return {row[0]: _Row(*row) for row in found}

    def _incidents(self, history: History) -> list[StoredIncident]:
        """Return every occurrence of the incidents of a history."""
        wanted = {(start.place.repo, start.incident) for start in history.starts}
        wanted |= {(end.repo, end.incident) for end in history.ends}
        return self._known(sorted(wanted), "repo, incident_id", statements.OCCURRENCES)

    def _known(self, given: Sequence[Any], columns: str, lookup: Lookup) -> list[StoredIncident]:
        rows = (StoredIncident(*row) for row in lookup_many(self._session, columns, given, lookup))
        return [row for row in rows if row.is_known(self._now)]

    def _remedies(self, ids: Iterable[str], lookup: Lookup) -> list[tuple[str, int, str, str]]:
        found = lookup_many(self._session, "id", _given(ids), lookup)
        return [(deploy, at, by, sha) for deploy, at, by, sha in found if at <= self._now]

    def _incident(self, row: StoredIncident, known: Mapping[str, Deploy]) -> Incident:
        place = Place(row.repo, row.environment, row.service or None)
        start = Start(row.id, row.at, place, row.incident_id, row.cause)
        end = None
        if row.end_id is not None and row.ended_at is not None and row.ended_at <= self._now:
            merged = bool(row.merged)
            end = End(row.end_id, row.ended_at, row.repo, None, None, row.incident_id, None, merged)
        deploy = None if row.deploy is None else known[row.deploy]
        wide = None if row.wide is None else known.get(row.wide)
        return Incident(Occurrence(start, end), Link(deploy, row.how, wide))


def _given(ids: Iterable[str]) -> list[tuple[str]]:
    return [(id_,) for id_ in sorted(ids)]
