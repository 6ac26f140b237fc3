"""Read what is related to an event: rows of it and of its neighbors, as they were at a moment.

An index finds each row. Nothing derives a repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.model.deploys import NEW, NEW_UNTOLD, StoredDeploy, read_deploys_by_id
from gitdailies_dora.derived.model.incidents import FOREVER, StoredIncident
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.derived.read.answers import EventReference, FigureVerdict
from gitdailies_dora.derived.read.figures import queries
from gitdailies_dora.events.listing import shown, texts_of
from gitdailies_dora.events.records.corrections import StoredCorrection, correction_of
from gitdailies_dora.figures.answers.selection import Selection
from gitdailies_dora.figures.history.events import DEPLOY, HOUR_US, Commit, Deploy
from gitdailies_dora.figures.history.repeats import with_reports
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.figures.words.timeline import DeployedCommit
from gitdailies_dora.sql.bulk import Lookup, lookup_many

# So many deploys before an incident are offered as its cause.
NEAR_BEFORE = 6
# So many occurrences of an incident, and incidents of a deploy, are shown.
_MOST = 100

_EVENT = "SELECT seq, time, received_at, body, repo, incident_id FROM events WHERE id = ?"
# The counting deploys of a target before and after a position, and the last one of these up to a moment.
_BEFORE = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND environment = ? AND service = ? AND counts = 1"
    " AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT 1"
)
_AFTER = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND environment = ? AND service = ? AND counts = 1"
    " AND (at, id) > (?, ?) AND at <= ? ORDER BY at, id LIMIT 1"
)
# The counting deploys of any service up to a moment, and from then on up to another one.
_LATEST = (
    "SELECT id FROM figures_deploys WHERE repo = ? AND environment = ? AND counts = 1 AND at <= ?"
    " ORDER BY at DESC, id DESC LIMIT ?"
)
# The newest start of an incident.
_NEWEST_START = (
    "SELECT id FROM events WHERE incident_id = ? AND kind = ? AND time <= ? ORDER BY time + 0 DESC, seq DESC"
    " LIMIT 1"
)


class Found(NamedTuple):
    """A stored event: its number, its time and arrival (µs), its JSON, its fields that are text by name.

    `repo` is the folded name of its repository.
    """

    seq: int
    at: int
    received_at: int
    body: str
    texts: Mapping[str, str]
    repo: str
    incident: str | None

    @property
    def id(self) -> str:
        return self.texts["id"]

    @property
    def kind(self) -> str:
        return self.texts["kind"]

    @property
    def reference(self) -> EventReference:
        return EventReference.of(self.texts)


class RelatedReader:
    """Reads what is related to events, as it was at the moment *now* (µs).

    Raises Refusal (`busy`) while the rows are for other settings.
    """

    def __init__(self, session: Session, settings: FigureSettings, now: int) -> None:
        if rows.outdated(session, settings):
            raise rows.not_ready(session)
        self._session = session
        self.settings = settings
        self.now = now

    def event(self, id_: str) -> Found | None:
        """Return an event by its id, or None."""
        row = self._session.execute(_EVENT, (id_,)).fetchone()
        if row is None:
            return None
        seq, at, received_at, body, repo, incident_id = row
        body, texts = shown(body, self.settings.renames), texts_of(body, self.settings.renames)
        return Found(seq, at, received_at, body, texts, self.settings.repo(repo or ""), incident_id)

    def verdicts(self, id_: str) -> tuple[FigureVerdict, ...]:
        """Return why the event counts or not, for each figure that it concerns."""
        everything = Selection.all_until(self.now)
        judged = queries.why_one(self._session, everything, self.settings, id_)
        return () if judged is None else judged.verdicts

    def outcome(self, id_: str) -> StoredDeploy | None:
        """Return what others can see of a deploy; None if it is not derived yet."""
        return read_deploys_by_id(self._session, [id_]).get(id_)

    def result(self, id_: str) -> tuple[str | None, str, str, str]:
        """Return what a deploy repeats, its type, why its commits are unknown, and what a correction says."""
        for row in lookup_many(self._session, "id", [(id_,)], statements.DEPLOY_RESULTS):
            _, _, counts, _, repeats, type_, _, unknown, *_ = row
            judged = dict(lookup_many(self._session, "id", [(id_,)], statements.JUDGED))
            return (None if counts else repeats, type_, unknown, judged.get(id_, ""))
        return (None, "", "", "")

    def correction(self, id_: str) -> StoredCorrection | None:
        """Return the correction of an event, or None."""
        return correction_of(self._session, id_)

    def neighbors(self, outcome: StoredDeploy | None) -> tuple[str | None, str | None]:
        """Return the ids of the counting deploys of the target before a deploy and after it."""
        if outcome is None:
            return (None, None)
        before = self._session.execute(_BEFORE, (*outcome.target, *outcome.order)).fetchone()
        after = self._session.execute(_AFTER, (*outcome.target, *outcome.order, self.now)).fetchone()
        return (None if before is None else before[0], None if after is None else after[0])

    def changes(self, found: Found, outcome: StoredDeploy | None) -> list[DeployedCommit]:
        """Return the commits of a deploy, with those that a mirror found, or that another report of it lists.

        None is new while it is not known which are.
        """
        (deploy,) = self._deploys([found.body], max(found.at, self.now))
        listed: dict[str, str] = {}
        if outcome is not None and outcome.counts:
            listed = {} if self.result(found.id)[2] else outcome.listed
            repeats = [(*outcome.target, outcome.at, outcome.at + HOUR_US, outcome.id)]
            columns = "repo, environment, service, since, until, id"
            ids = [
                (id_,) for id_, _ in lookup_many(self._session, columns, repeats, statements.REPEATS_BETWEEN)
            ]
            bodies = [body for (body,) in lookup_many(self._session, "id", ids, statements.BODIES_BY_ID)]
            deploy = with_reports(deploy, self._deploys(bodies, FOREVER), late=False)
        # Of a commit that is listed twice, the first one counts that is neither outside nor a merge.
        first: dict[str, Commit] = {}
        for commit in sorted(deploy.commits or (), key=lambda one: (one.outside is True, one.is_merge)):
            first.setdefault(commit.sha, commit)
        return [
            DeployedCommit(sha, commit.at, listed.get(sha) in (NEW, NEW_UNTOLD), commit.outside is True)
            for sha, commit in first.items()
        ]

    def _deploys(self, bodies: Iterable[str], until: int) -> tuple[Deploy, ...]:
        return parse_bodies(self._session, bodies, self.settings, until).deploys

    def incidents_of(self, deploy: str) -> list[StoredIncident]:
        """Return the incidents that are attributed to a deploy, in order."""
        found = self._known("id", [(deploy,)], statements.INCIDENTS_OF_DEPLOY)
        return sorted(found, key=lambda row: (row.at, row.id))[:_MOST]

    def occurrences(self, found: Found) -> list[StoredIncident]:
        """Return the occurrences of the incident of an event, in order."""
        if found.incident is None:
            return []
        given = [(found.repo, found.incident)]
        rows_ = self._known("repo, incident_id", given, statements.OCCURRENCES)
        return sorted(rows_, key=lambda row: (row.at, row.id))[-_MOST:]

    def _known(self, columns: str, given: Sequence[tuple[str, ...]], lookup: Lookup) -> list[StoredIncident]:
        found = (StoredIncident(*row) for row in lookup_many(self._session, columns, given, lookup))
        return [_until(row, self.now) for row in found if row.is_known(self.now)]

    def remedied_by(self, id_: str) -> list[tuple[str, int]]:
        """Return the later deploys that remedied a deploy, with their times, in order."""
        found = lookup_many(self._session, "id", [(id_,)], statements.REMEDIES_OF)
        known = {(at, remedy) for _, at, remedy, _ in found if at <= self.now}
        return [(remedy, at) for at, remedy in sorted(known)]

    def remedied(self, id_: str) -> list[str]:
        """Return the earlier deploys that a deploy remedied."""
        found = lookup_many(self._session, "id", [(id_,)], statements.REMEDIES_BY)
        return sorted({deploy for deploy, at, _, _ in found if at <= self.now})

    def near(self, row: StoredIncident) -> list[str]:
        """Return the deploys before an incident, the latest first."""
        asked = (row.repo, row.environment, row.at, NEAR_BEFORE)
        return [id_ for (id_,) in self._session.execute(_LATEST, asked).fetchall()]

    def start_of(self, incident_id: str | None) -> str | None:
        """Return the id of the newest start of an incident."""
        if not incident_id:
            return None
        given = (incident_id, INCIDENT_STARTED, self.now)
        row = self._session.execute(_NEWEST_START, given).fetchone()
        return None if row is None else str(row[0])

    def references(self, ids: Iterable[str | None]) -> dict[str, EventReference]:
        """Return the references to events by id. The type of a deploy is what it counts as."""
        wanted = [(id_,) for id_ in sorted({id_ for id_ in ids if id_})]
        found = lookup_many(self._session, "id", wanted, statements.EVENTS_BY_ID)
        renames = self.settings.renames
        results = lookup_many(self._session, "id", wanted, statements.DEPLOY_RESULTS)
        types = {id_: {"type": type_} for id_, _, _, _, _, type_, *_ in results if type_ != DEPLOY}
        return {
            id_: EventReference.of({**texts_of(body, renames), **types.get(id_, {})})
            for id_, _, body in found
        }


def _until(row: StoredIncident, now: int) -> StoredIncident:
    if row.ended_at is None or row.ended_at <= now:
        return row
    return row._replace(ended_at=None, end_id=None, merged=0)
