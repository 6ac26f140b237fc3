"""What other reports decide about a deploy: its service, if it names none, and that it is late.

Reports near a deploy are read from the events, since their rows need not be there yet.
"""

from collections.abc import Collection, Iterable, Sequence

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import DeployChange, StoredDeploy, read_deploys_by_id
from gitdailies_dora.derived.model.incidents import FOREVER
from gitdailies_dora.derived.model.repositories import parse_bodies
from gitdailies_dora.events.records import change_log, spellings
from gitdailies_dora.figures.history.commits import SHORTEST_SHA
from gitdailies_dora.figures.history.events import HOUR_US, Deploy
from gitdailies_dora.figures.history.repeats import DAY_US, is_late, may_be_late
from gitdailies_dora.figures.history.services import Place, with_services
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.sql.bulk import Lookup, lookup_many

Services = dict[Place, set[str]]

# Behind every service.
_LAST = "\U0010ffff"
_PAGE = 100


class OtherReports:
    """Reads the reports near deploys, inside one step that reads events up to a number."""

    def __init__(self, session: Session, settings: FigureSettings, read_until: int) -> None:
        self._session = session
        self._settings = settings
        self._read_until = read_until
        # While events are noted that changed, or are gone, a row may have a service that none names any more.
        self._trusted = not change_log.has_notes(session)
        self._spelled: dict[str, list[str]] = {}

    def with_services(self, deploys: Sequence[Deploy], old: Collection[str] = ()) -> list[Deploy]:
        """Return deploys with the services that they take; *old* are ids whose rows these replace."""
        unnamed = [one for one in deploys if one.target.service is None]
        services = self.services({one.target[:2] for one in unnamed}, old, trusted=self._trusted)
        for one in deploys:
            if one.target.service is not None and one.target[:2] in services:
                services[one.target[:2]].add(one.target.service)
        near = [one for one in unnamed if services[one.target[:2]]]
        return with_services(deploys, self._near(near, statements.NAMED_BETWEEN), _only(services))

    def services(
        self, places: Iterable[Place], old: Collection[str] = (), *, trusted: bool = True
    ) -> Services:
        """Return the services of the rows of each repository and environment, two at most."""
        found: Services = {where: set() for where in places}
        wanted = [(where, _LAST) for where in found]
        while wanted:
            rows = [(number, *where, last) for number, (where, last) in enumerate(wanted)]
            columns = "number, repo, environment, service"
            named = lookup_many(self._session, columns, rows, statements.SERVICE_BEFORE)
            wanted = [(wanted[number][0], service) for number, service in named if service is not None]
            for where, service in wanted:
                if trusted or self._is_named(where, service, old):
                    found[where].add(service)
            wanted = [(where, last) for where, last in wanted if len(found[where]) < 2]
        return found

    def _is_named(self, where: Place, service: str, old: Collection[str]) -> bool:
        """Whether a deploy not of *old* names a service itself; most often, one of the latest does."""
        done = 0
        while True:
            page = self._session.execute(
                statements.LATEST_OF_TARGET, (*where, service, _PAGE, done)
            ).fetchall()
            kept = [row for row in page if row[0] not in old]
            if list(lookup_many(self._session, "id", kept, statements.WITH_SERVICE)):
                return True
            if len(page) < _PAGE:
                return False
            done += _PAGE

    def moved(self, before: Services, changes: Sequence[DeployChange]) -> set[str]:
        """Return the deploys that take another service because of changes.

        *before* are the services of the rows before these.
        """
        only, after = _only(before), _only(self.services(before, trusted=self._trusted))
        rows = [
            (*where, service)
            for where in before
            if only.get(where) != after.get(where)
            for service in {only.get(where, ""), ""}
        ]
        columns = "repo, environment, service"
        found = list(lookup_many(self._session, columns, rows, statements.DEPLOYS_OF_TARGET))
        moved = {id_ for (id_,) in lookup_many(self._session, "id", found, statements.WITHOUT_SERVICE)}
        sides = [side.to_deploy() for change in changes for side in change.sides if side.service]
        near = self.with_services(self._near(sides, statements.UNNAMED_BETWEEN))
        stored = read_deploys_by_id(self._session, (one.id for one in near))
        services = {one.id: one.target.service or "" for one in near}
        return moved | {id_ for id_, one in stored.items() if one.service != services[id_]}

    def late(self, deploys: Iterable[Deploy]) -> set[str]:
        """Return the ids of slow jobs."""
        return {
            one.id
            for one in deploys
            if may_be_late(one) and is_late(one, self._near([one], statements.DEPLOYS_BETWEEN, DAY_US))
        }

    def going_back(self, sides: Sequence[StoredDeploy]) -> set[str]:
        """Return the deploys that may be late, or not, because of these reports of their run or commit."""
        rows = self._spans(((one.repo, one.at) for one in sides), HOUR_US, DAY_US)
        columns, lookup = "name, since, until", statements.KNOWN_BETWEEN
        found = [id_ for (id_,) in lookup_many(self._session, columns, rows, lookup, self._read_until)]
        alike = {(one.repo, name) for one in sides for name in (one.sha[:SHORTEST_SHA], one.run) if found}
        stored = read_deploys_by_id(self._session, found).values()
        return {
            one.id
            for one in stored
            if {(one.repo, one.sha[:SHORTEST_SHA]), (one.repo, one.run or None)} & alike
        }

    def _near(self, deploys: Iterable[Deploy], lookup: Lookup, before: int = HOUR_US) -> list[Deploy]:
        rows = self._spans(((one.target.repo, one.at) for one in deploys), before, HOUR_US)
        found = lookup_many(self._session, "name, since, until", rows, lookup, self._read_until)
        return list(parse_bodies(self._session, (body for (body,) in found), self._settings, FOREVER).deploys)

    def _spans(
        self, around: Iterable[tuple[str, int]], before: int, after: int
    ) -> list[tuple[str, int, int]]:
        """Return the spans of time around deploys of a repository, for each spelling of it."""
        found: list[tuple[str, int, int]] = []
        for repo, at in sorted(set(around)):
            since = at - before
            if found and found[-1][0] == repo and since <= found[-1][2]:
                since = found.pop()[1]
            found.append((repo, since, at + after))
        if found and not self._spelled:
            for name, repo in spellings.names(self._session, self._settings.renames).items():
                self._spelled.setdefault(repo, []).append(name)
        return [(name, since, until) for repo, since, until in found for name in self._spelled.get(repo, ())]


def _only(services: Services) -> dict[Place, str]:
    return {where: next(iter(named)) for where, named in services.items() if len(named) == 1}
