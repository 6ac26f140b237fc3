"""An acceptance that relies only on what its transaction's scope names: `exclusion` says why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from gitdailies_core.deploys.pushes import RememberedCommit
from gitdailies_core.deploys.routing import Place
from gitdailies_core.incidents.records import MERGED, Occurrence
from gitdailies_core.sources.deploy_messages import Push
from gitdailies_server.storage.write_scope import NotInScope

from gitdailies_relay.accepting.store_port import NewRows, Owner, WaitingDeploy
from gitdailies_relay.store.exclusion import repository, subject
from gitdailies_relay.store.postgresql import PostgresqlAcceptanceStore


class ScopedAcceptanceStore(PostgresqlAcceptanceStore):
    """An AcceptanceStore that raises NotInScope for a question, or a row, beyond its scope.

    Two questions need no name. What is prefetched is asked for when it is used. And the unique index of
    stored messages refuses what `stored_events` could miss.
    """

    def occurrences(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        self._session.scope.require((owner.destination, incident))
        return super().occurrences(owner, incident)

    def merged_into(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        self._session.scope.require(subject(owner.destination, incident))
        found = super().merged_into(owner, incident)
        self._session.scope.require(*(subject(owner.destination, record.incident) for record in found))
        return found

    def held_starts(self, destination: str, incident: str) -> Collection[str]:
        self._session.scope.require(subject(destination, incident))
        return super().held_starts(destination, incident)

    def has_event(self, destination: str, subject_: str, id_: str) -> bool:
        self._session.scope.require(subject(destination, subject_))
        return super().has_event(destination, subject_, id_)

    def remember_push(self, push: Push, at: int) -> None:
        self._require_repository(push.repo)
        super().remember_push(push, at)

    def remember_deploy(self, place: Place, sha: str, at: datetime) -> None:
        self._require_repository(place.repo)
        super().remember_deploy(place, sha, at)

    def deployed_before(self, place: Place, sha: str, at: datetime) -> str | None:
        self._require_repository(place.repo)
        return super().deployed_before(place, sha, at)

    def deployed_last(self, place: Place) -> tuple[str, datetime] | None:
        self._require_repository(place.repo)
        return super().deployed_last(place)

    def deployed_shas(self, place: Place, at: datetime) -> Collection[str]:
        self._require_repository(place.repo)
        return super().deployed_shas(place, at)

    def has_pushes(self, repo: str) -> bool:
        self._require_repository(repo)
        return super().has_pushes(repo)

    def branches_of(self, repo: str, sha: str) -> Sequence[str]:
        self._require_repository(repo)
        return super().branches_of(repo, sha)

    def walk(self, repo: str, branch: str, sha: str) -> Sequence[RememberedCommit]:
        self._require_repository(repo)
        return super().walk(repo, branch, sha)

    def waiting_at(self, place: Place) -> Sequence[tuple[datetime, str]]:
        self._require_repository(place.repo)
        return super().waiting_at(place)

    def waiting_deploys(self, repo: str) -> Sequence[WaitingDeploy]:
        self._require_repository(repo)
        return super().waiting_deploys(repo)

    def release_deploy(self, deploy: WaitingDeploy, body: str, reason: str) -> None:  # noqa: ARG002
        """Raise NotInScope: the deploy may be of any subject, and its place in the outbox changes."""
        raise NotInScope(deploy.id)

    def write(self, rows: NewRows) -> None:
        # As `exclusion.subject` names them: one call for each row of a batch would cost more than the rest.
        about = {(event.destination, event.incident) for event in rows.events}
        about.update([(row[0], row[2]) for row in rows.occurrences])
        # The end of an incident has to find what was merged into it.
        about.update([(row[0], row[11]) for row in rows.occurrences if row[7] == MERGED and row[11]])
        for starts in (rows.held, rows.discarded, rows.released):
            about.update([(start[2], start[0]) for start in starts])
        self._session.scope.require(*about)
        super().write(rows)

    def _require_repository(self, repo: str) -> None:
        self._session.scope.require(repository(repo))
