"""Why events count or not, from the derived rows of the events and of the few that concern them.

`figures.words.reasons` gives the verdicts. It is given a small history: the events themselves, with the facts
of the deploys and incidents that they are compared with, as these were at the moment of the question.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_server.round_trips import read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import git_commits, statements
from gitdailies_dora.derived.model.columns import TimeSpan, Where, fixes_forward
from gitdailies_dora.derived.model.deploys import (
    Order,
    TargetKey,
    by_service,
    first_of_services,
    lead_times_of,
    read_deploys_by_id,
)
from gitdailies_dora.derived.model.incidents import StoredIncident
from gitdailies_dora.derived.model.rows import strange_beside
from gitdailies_dora.events.records import change_log
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.corrections import NOT_AN_INCIDENT
from gitdailies_dora.figures.history.events import Deploy, End, History, Start, read_history
from gitdailies_dora.figures.history.facts import DeployFacts, Facts, first_outage_of
from gitdailies_dora.figures.history.incidents import BY_TIME, NO_DEPLOY, Incident, Link, Occurrence, reach
from gitdailies_dora.figures.history.lead_time import NO_PREDECESSOR, NewCommit, NewCommits, several_services
from gitdailies_dora.figures.history.remedies import PLANNED, Remedy
from gitdailies_dora.figures.history.repeats import Repeat
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.reasons import ALL, Reasons, Verdict
from gitdailies_dora.sql.bulk import Lookup, lookup_many

_BEHIND = Verdict(ALL, False, "behind", "it arrived a moment ago and is not counted yet; ask again")


class EventRow(NamedTuple):
    """A stored event: its number, id, folded repository and body."""

    seq: int
    id: str
    repo: str
    body: str


class _Row(NamedTuple):
    """What a deploy counts as, as its row has it."""

    id: str
    service: str  # "" for none
    counts: int  # 0 for a repeat
    rule: str  # by which it is a repeat
    repeats: str  # the id of the deploy that it repeats
    type: str
    known: int  # 1 if its commit counted here before
    unknown: str  # why its commits are not known
    unknown_commits: int  # those without a lead time
    leads: str  # the lead times of the others, as `lead_times_of` reads them
    rework: int  # PLANNED, REWORK or NOT_REWORK
    untold: bool  # whether its list does not say which commits are of its service
    judged: str  # what a correction says about its outcome

    @property
    def asks_for_services(self) -> bool:
        """Whether it matters which services its repository named before it."""
        return bool(self.untold) or self.unknown == NO_PREDECESSOR

    @property
    def new(self) -> NewCommits:
        """Its new commits, with their lead times."""
        times = [*lead_times_of(self.leads), *[None] * self.unknown_commits]
        commits = tuple(NewCommit("", lead) for lead in times)
        return NewCommits(self.unknown, commits, untold=bool(self.untold))


def verdicts(
    session: Session, events: Sequence[EventRow], selection: Selection, settings: FigureSettings
) -> list[tuple[Verdict, ...]]:
    """Return the verdicts on each of *events*; the rows are those of *settings*."""
    reading = _Reading(session, selection.period.now, settings)
    facts, known, until = reading.facts([orjson.loads(event.body) for event in events])
    reasons = Reasons(known, facts, selection, settings)
    derived = {found.deploy.id for found in facts.deploys} | facts.repeats.keys()
    waiting = {deploy.id for deploy in known.deploys} - derived
    return [
        (_BEHIND,) if event.seq > until or event.id in waiting else reasons.of(event.id) for event in events
    ]


class _Reading:
    """Reads rows as they were at the moment *now*."""

    def __init__(self, session: Session, now: int, settings: FigureSettings) -> None:
        self._session = session
        self._now = now
        self._settings = settings
        # What each deploy seems to have fixed forward, as `fixes_forward` says.
        self._fixes: dict[str, tuple[str, str]] = {}
        # By repository, the first deploy of each target; by incident, the latest one of another service.
        self._targets: dict[TargetKey, Order] = {}
        self._of_others: dict[str, Deploy] = {}
        # What corrections say, by deploy.
        self._judged: dict[str, str] = {}

    def facts(self, bodies: list[dict[str, Any]]) -> tuple[Facts, History, int]:
        """Return the facts that concern events, and the events with the deploys as they count.

        The rows include events up to the number that is returned, too.
        """
        # What is asked for does not depend on the commits that git found.
        plain = read_history(bodies, self._settings, now=self._now)
        ids = [deploy.id for deploy in plain.deploys]
        until, git, rows, self._fixes, incidents = read_together(
            self._session,
            partial(change_log.read_until, self._session),
            partial(git_commits.of_deploys, self._session, ids),
            partial(self._rows, ids),
            partial(self._fixed, plain),
            partial(self._incidents, plain),
        )
        history = read_history(bodies, self._settings, now=self._now, git_commits=git)
        deploys = {deploy.id: deploy for deploy in history.deploys}
        linked = {row.deploy for row in incidents if row.deploy is not None}
        linked |= {deploy for _, deploy in self._fixes.values()}
        counting = {id_ for id_, row in rows.items() if row.counts} | linked
        starts = {id_ for id_, _ in self._fixes.values()}
        fixed, attributed, remedied_by, remedied, beside = read_together(
            self._session,
            partial(self._known, _given(starts), "id", statements.INCIDENTS_BY_ID),
            partial(self._known, _given(counting), "id", statements.INCIDENTS_OF_DEPLOY),
            partial(self._remedies, counting, statements.REMEDIES_OF),
            partial(self._remedies, counting, statements.REMEDIES_BY),
            partial(self._remedies, counting, statements.REMEDIED_BESIDE),
        )
        incidents = list({row.key: row for row in [*incidents, *fixed, *attributed]}.values())
        by = {remedy for _, _, remedy, _ in remedied_by}
        remedied = list(dict.fromkeys([*remedied, *(one for one in beside if one[2] in by)]))
        others = linked | by | {deploy for deploy, *_ in remedied}
        others |= {row.repeats for row in rows.values() if row.repeats}
        others |= {row.wide for row in incidents if row.wide is not None}
        others |= {row.deploy for row in incidents if row.deploy is not None}
        asked = {row.repo for row in incidents if row.how == BY_TIME and row.service}
        asked |= {deploys[id_].target.repo for id_, row in rows.items() if row.asks_for_services}
        stored, self._targets, of_others, of_linked = read_together(
            self._session,
            partial(read_deploys_by_id, self._session, others - deploys.keys()),
            partial(first_of_services, self._session, asked),
            partial(self._latest_of_others, incidents),
            partial(self._rows, linked),
        )
        self._judged = {id_: row.judged for id_, row in {**rows, **of_linked}.items()}
        found = read_deploys_by_id(self._session, of_others.values())
        self._of_others = {id_: found[other].to_deploy() for id_, other in of_others.items()}
        known = {id_: outcome.to_deploy() for id_, outcome in stored.items()}
        for id_, row in rows.items():
            target = deploys[id_].target._replace(service=row.service or None)
            known[id_] = deploys[id_]._replace(target=target, type=row.type, known=bool(row.known))
        counted = history._replace(deploys=tuple(known.get(one.id, one) for one in history.deploys))
        return self._joined(rows, known, incidents, counting, remedied_by, remedied), counted, until

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
        by_start = {incident.occurrence.start.id: incident for incident in incidents}
        deploys = tuple(
            DeployFacts(
                known[id_],
                rows[id_].new if id_ in rows else NewCommits("", ()),
                tuple(of_deploy.get(id_, ())),
                tuple(sorted(remedies.get(id_, ()), key=lambda one: one.order)),
                first_outage_of(of_deploy.get(id_, ()), self._judged.get(id_, "")),
                self._judged.get(id_, ""),
                rows[id_].rework if id_ in rows else PLANNED,
                by_start.get(self._fixes.get(id_, ("", ""))[0]),
                self._settings.by_evidence,
            )
            for id_ in counting
            if id_ in known
        )
        repeats = {
            id_: Repeat(known[id_], row.rule, known[row.repeats])
            for id_, row in rows.items()
            if not row.counts
        }
        remedied_of = {id_: tuple(sorted(found, key=lambda one: one.order)) for id_, found in undone.items()}
        return Facts(
            deploys=deploys,
            incidents=tuple(incidents),
            remedied=remedied_of,
            repeats=repeats,
            dismissed=tuple(dismissed),
            several_from=several_services((), by_service(self._targets)),
        )

    def _fixed(self, history: History) -> dict[str, tuple[str, str]]:
        times: dict[tuple[str, str], list[int]] = defaultdict(list)
        for deploy in history.deploys:
            times[deploy.target.repo, deploy.target.environment or ""].append(deploy.at)
        fixes = partial(fixes_forward, self._session, now=self._now, renames=self._settings.renames)
        each = (
            partial(fixes, Where(environment, [repo]), TimeSpan(min(at), max(at)))
            for (repo, environment), at in times.items()
        )
        return {fix: fixed for of in read_together(self._session, *each) for fix, fixed in of.items()}

    def _rows(self, ids: Iterable[str]) -> dict[str, _Row]:
        found = lookup_many(self._session, "id", _given(ids), statements.DEPLOY_RESULTS)
        return {row[0]: _Row(*row) for row in found}

    def _incidents(self, history: History) -> list[StoredIncident]:
        wanted = {(start.target.repo, start.incident) for start in history.starts}
        wanted |= {(end.repo, end.incident) for end in history.ends}
        return self._known(sorted(wanted), "repo, incident_id", statements.OCCURRENCES)

    def _known(self, given: Sequence[Any], columns: str, lookup: Lookup) -> list[StoredIncident]:
        rows = (StoredIncident(*row) for row in lookup_many(self._session, columns, given, lookup))
        return [row for row in rows if row.is_known(self._now)]

    def _remedies(self, ids: Iterable[str], lookup: Lookup) -> list[tuple[str, int, str, str]]:
        found = lookup_many(self._session, "id", _given(ids), lookup)
        return [(deploy, at, by, sha) for deploy, at, by, sha in found if at <= self._now]

    def _incident(self, row: StoredIncident, known: Mapping[str, Deploy]) -> Incident:
        target = DeployTarget(row.repo, row.environment, row.service or None)
        start = Start(row.id, row.at, target, row.incident_id, row.cause)
        end = None
        if row.end_id is not None and row.ended_at is not None and row.ended_at <= self._now:
            merged = bool(row.merged)
            end = End(row.end_id, row.ended_at, row.repo, None, None, row.incident_id, None, merged)
        deploy = None if row.deploy is None else known[row.deploy]
        wide = None if row.wide is None else known.get(row.wide)
        service = row.service if row.how == BY_TIME else ""
        others = strange_beside(self._targets, row.repo, row.environment, service, row.at)
        link = Link(deploy, row.how, wide, self._of_others.get(row.id), others)
        return Incident(Occurrence(start, end), link)

    def _latest_of_others(self, rows: Iterable[StoredIncident]) -> dict[str, str]:
        given = [
            (row.id, *row.place, row.at - reach(self._settings.window_us, row.wide), row.at)
            for row in rows
            if row.how == NO_DEPLOY and row.service
        ]
        columns = "id, repo, environment, service, since, at"
        found = lookup_many(self._session, columns, given, statements.LATEST_OF_OTHERS)
        return {id_: other for id_, other in found if other is not None}


def _given(ids: Iterable[str]) -> list[tuple[str]]:
    return [(id_,) for id_ in sorted(ids)]
