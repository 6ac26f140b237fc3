"""Read what is related to an event: rows of it and of its neighbors, as they were at a moment.

An index finds each row. Nothing derives a repository.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from gitdailies_server.round_trips import fetch_together, read_together
from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import rows, statements
from gitdailies_dora.derived.model.deploys import NEW, NEW_UNTOLD, StoredDeploy, read_deploys_by_id
from gitdailies_dora.derived.model.incidents import FOREVER, StoredIncident
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.derived.read.answers import EventReference, FigureVerdict
from gitdailies_dora.derived.read.events import judged_events
from gitdailies_dora.derived.read.verdicts import EventRow
from gitdailies_dora.events.listing import StoredEvent, event_with_id, newest_start, shown, texts_of
from gitdailies_dora.events.records import spellings
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


class Found(NamedTuple):
    """A stored event: its row, and its JSON and its fields that are text with its present repository.

    `repo` is the folded name of that.
    """

    row: StoredEvent
    body: str
    texts: Mapping[str, str]
    repo: str

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def kind(self) -> str:
        return self.row.kind

    @property
    def at(self) -> int:
        return self.row.position.time

    @property
    def reference(self) -> EventReference:
        return EventReference.of(self.texts)


class RelatedReader:
    """Reads what is related to events, as it was at the moment *now* (µs)."""

    def __init__(self, session: Session, settings: FigureSettings, now: int) -> None:
        self.session = session
        self.settings = settings
        self.now = now

    def begin(self, find: Callable[[Session], StoredEvent | None]) -> Found | None:
        """Return the event that *find* finds; raises Refusal (`busy`) if the rows are for other settings."""
        # Far away, the verdicts find the names that were read here.
        names = partial(self.session.execute, spellings.NAMES)
        _, found, _ = self.read_together(self.check, partial(self._found, find), names)
        return cast("Found | None", found)

    def read_together(self, *works: Callable[[], Any]) -> list[Any]:
        """Run readings and return what each returns, far away in the same round trips."""
        return read_together(self.session, *works)

    def check(self) -> None:
        """Raise Refusal while the rows are for other settings."""
        if rows.outdated(self.session, self.settings):
            raise rows.not_ready(self.session)

    def event(self, id_: str) -> Found | None:
        """Return an event by its id, or None."""
        return self._found(partial(event_with_id, id_=id_))

    def start_of(self, incident_id: str | None) -> Found | None:
        """Return the newest start of an incident."""
        if not incident_id:
            return None
        return self._found(partial(newest_start, incident_id=incident_id, until=self.now))

    def _found(self, find: Callable[[Session], StoredEvent | None]) -> Found | None:
        row, renames = find(self.session), self.settings.renames
        if row is None:
            return None
        texts = texts_of(row.body, renames)
        return Found(row, shown(row.body, renames), texts, self.settings.repo(texts.get("repo", "")))

    def verdicts(self, found: Found) -> tuple[FigureVerdict, ...]:
        """Return why the event counts or not, for each figure that it concerns."""
        event = EventRow(found.row.seq, found.id, found.repo, found.body)
        (judged,) = judged_events.judged(self.session, [event], Selection.all_until(self.now), self.settings)
        return judged.verdicts

    def outcome(self, id_: str) -> StoredDeploy | None:
        """Return what others can see of a deploy; None if it is not derived yet."""
        return read_deploys_by_id(self.session, [id_]).get(id_)

    def result(self, id_: str) -> tuple[str | None, str, str, str]:
        """Return what a deploy repeats, its type, why its commits are unknown, and what a correction says."""
        for row in lookup_many(self.session, "id", [(id_,)], statements.DEPLOY_RESULTS):
            _, _, counts, _, repeats, type_, _, unknown, *_, judged = row
            return (None if counts else repeats, type_, unknown, judged)
        return (None, "", "", "")

    def neighbors(self, outcome: StoredDeploy | None) -> tuple[str | None, str | None]:
        """Return the ids of the counting deploys of the target before a deploy and after it."""
        if outcome is None:
            return (None, None)
        where = (*outcome.target, *outcome.order)
        before, after = fetch_together(self.session, (_BEFORE, where), (_AFTER, (*where, self.now)))
        return (before[0][0] if before else None, after[0][0] if after else None)

    def changes(self, found: Found, outcome: StoredDeploy | None, unknown: str) -> list[DeployedCommit]:
        """Return the commits of a deploy, with those that a mirror found, or that another report of it lists.

        None is new while it is not known which are, as *unknown* says.
        """
        counting = outcome if outcome is not None and outcome.counts else None
        (deploy,), reports = self.read_together(
            partial(self._deploys, [found.body], max(found.at, self.now)),
            lambda: () if counting is None else self._reports(counting),
        )
        listed = {} if counting is None or unknown else counting.listed
        deploy = with_reports(deploy, reports, late=False)
        # If a commit is listed twice, its first entry that is neither outside nor a merge counts.
        first: dict[str, Commit] = {}
        for commit in sorted(deploy.commits or (), key=lambda one: (one.outside is True, one.is_merge)):
            first.setdefault(commit.sha, commit)
        return [
            DeployedCommit(sha, commit.at, listed.get(sha) in (NEW, NEW_UNTOLD), commit.outside is True)
            for sha, commit in first.items()
        ]

    def _reports(self, outcome: StoredDeploy) -> tuple[Deploy, ...]:
        """Return the other reports of a deploy."""
        repeats = [(*outcome.target, outcome.at, outcome.at + HOUR_US, outcome.id)]
        columns = "repo, environment, service, since, until, id"
        found = lookup_many(self.session, columns, repeats, statements.REPEATS_BETWEEN)
        ids = [(id_,) for id_, _ in found]
        bodies = (body for (body,) in lookup_many(self.session, "id", ids, statements.BODIES_BY_ID))
        return self._deploys(bodies, FOREVER)

    def _deploys(self, bodies: Iterable[str], until: int) -> tuple[Deploy, ...]:
        return parse_bodies(self.session, bodies, self.settings, until).deploys

    def incidents_of(self, deploy: str) -> list[StoredIncident]:
        """Return the incidents that are attributed to a deploy, in order."""
        found = self._known("id", [(deploy,)], statements.INCIDENTS_OF_DEPLOY)
        return sorted(found, key=lambda row: (row.at, row.id))[:_MOST]

    def occurrences(self, found: Found) -> list[StoredIncident]:
        """Return the occurrences of the incident of an event, in order."""
        if "incidentId" not in found.texts:
            return []
        given = [(found.repo, found.texts["incidentId"])]
        rows_ = self._known("repo, incident_id", given, statements.OCCURRENCES)
        return sorted(rows_, key=lambda row: (row.at, row.id))[-_MOST:]

    def _known(self, columns: str, given: Sequence[tuple[str, ...]], lookup: Lookup) -> list[StoredIncident]:
        found = (StoredIncident(*row) for row in lookup_many(self.session, columns, given, lookup))
        return [_until(row, self.now) for row in found if row.is_known(self.now)]

    def remedied_by(self, id_: str) -> list[tuple[str, int]]:
        """Return the later deploys that remedied a deploy, with their times, in order."""
        found = lookup_many(self.session, "id", [(id_,)], statements.REMEDIES_OF)
        known = {(at, remedy) for _, at, remedy, _ in found if at <= self.now}
        return [(remedy, at) for at, remedy in sorted(known)]

    def remedied(self, id_: str) -> list[str]:
        """Return the earlier deploys that a deploy remedied."""
        found = lookup_many(self.session, "id", [(id_,)], statements.REMEDIES_BY)
        return sorted({deploy for deploy, at, _, _ in found if at <= self.now})

    def near(self, row: StoredIncident) -> list[str]:
        """Return the deploys before an incident, the latest first."""
        asked = (row.repo, row.environment, row.at, NEAR_BEFORE)
        return [id_ for (id_,) in self.session.execute(_LATEST, asked).fetchall()]

    def references(self, ids: Iterable[str | None]) -> dict[str, EventReference]:
        """Return the references to events by id. The type of a deploy is what it counts as."""
        wanted = [(id_,) for id_ in sorted({id_ for id_ in ids if id_})]
        renames = self.settings.renames
        found, results = read_together(
            self.session,
            lambda: list(lookup_many(self.session, "id", wanted, statements.EVENTS_BY_ID)),
            lambda: list(lookup_many(self.session, "id", wanted, statements.DEPLOY_RESULTS)),
        )
        types = {id_: {"type": type_} for id_, _, _, _, _, type_, *_ in results if type_ != DEPLOY}
        return {
            id_: EventReference.of({**texts_of(body, renames), **types.get(id_, {})})
            for id_, _, body in found
        }


def _until(row: StoredIncident, now: int) -> StoredIncident:
    if row.ended_at is None or row.ended_at <= now:
        return row
    return row._replace(ended_at=None, end_id=None, merged=0)
