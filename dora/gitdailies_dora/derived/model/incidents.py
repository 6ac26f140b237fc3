"""Rows of incidents, as they are stored, and the latest deploys before incidents."""

from collections.abc import Sequence
from typing import NamedTuple

from gitdailies_server.storage.database import Session

from gitdailies_dora.derived.model import statements
from gitdailies_dora.derived.model.deploys import StoredDeploy, read_deploys_by_id
from gitdailies_dora.figures.history.corrections import NOT_AN_INCIDENT
from gitdailies_dora.figures.history.events import HOUR_US
from gitdailies_dora.sql.bulk import lookup_many

IncidentKey = tuple[str, str]  # repository and incident id, which all occurrences of an incident share

# The `until` of what holds for good.
FOREVER = 2**62


class StoredIncident(NamedTuple):
    """A row of `figures_incidents`: an occurrence in a span of time in which it is attributed alike."""

    id: str  # of its start
    since: int  # from when on it is attributed so, and
    until: int  # up to when; FOREVER while it still is
    repo: str
    environment: str
    service: str  # "" for none
    incident_id: str  # the sender's
    at: int  # when it started
    end_id: str | None
    ended_at: int | None
    merged: int  # 1 if it ended without a recovery of its own
    cause: str | None  # the SHA that its events name
    deploy: str | None  # the id of the deploy that it is attributed to
    deploy_service: str | None
    deploy_at: int | None
    how: str  # a word of `figures.history.incidents`, or NOT_AN_INCIDENT
    wide: str | None  # the id of the deploy that a window of 72 hours would find

    @property
    def incident(self) -> IncidentKey:
        return (self.repo, self.incident_id)

    @property
    def place(self) -> tuple[str, str, str]:
        """Its repository, environment and service."""
        return (self.repo, self.environment, self.service)

    @property
    def key(self) -> tuple[str, int]:
        return (self.id, self.since)

    @property
    def spans(self) -> list[tuple[str, int, int]]:
        """Where and when it concerns figures: its start, its deploy, and deploys that may have fixed it."""
        times = [(self.at, self.at)]
        if self.deploy_at is not None:
            times.append((self.deploy_at, self.deploy_at))
        if self.ended_at is not None:
            times.append((self.ended_at - HOUR_US, self.ended_at))
        return [(self.environment, *span) for span in times]

    def is_known(self, now: int) -> bool:
        """Whether the row holds at a moment. One that is no incident holds from its start on."""
        if self.how == NOT_AN_INCIDENT:
            return self.at <= now
        return self.since <= now < self.until


class KnownSpan(NamedTuple):
    """An incident of a deploy, up to a moment."""

    began_at: int
    ended_at: int | None
    merged: bool

    @classmethod
    def at(cls, now: int, began_at: int, ended_at: int | None, merged: int) -> "KnownSpan":
        """Return an incident as it was at *now*: one that ended later is open."""
        is_over = ended_at is not None and ended_at <= now
        return cls(began_at, ended_at if is_over else None, is_over and bool(merged))


def latest_deploys(
    session: Session, incidents: Sequence[tuple[str, str, str, int]], within: int
) -> dict[int, StoredDeploy]:
    """Return the latest deploy less than *within* before each incident, by its position.

    An incident is its repository, environment, service ("" for none) and time.
    """
    ids = latest(session, incidents, within, statements.LATEST_DEPLOY)
    deploys = read_deploys_by_id(session, ids.values())
    return {number: deploys[id_] for number, id_ in ids.items()}


def latest(
    session: Session, incidents: Sequence[tuple[str, str, str, int]], within: int, column: str
) -> dict[int, str]:
    """Return a *column* of these deploys: LATEST_DEPLOY or LATEST_SERVICE."""
    given = [(number, *one, one[3] - within) for number, one in enumerate(incidents)]
    found = lookup_many(session, "number, repo, environment, service, at, since", given, column)
    return {number: value for number, value in found if value is not None}
