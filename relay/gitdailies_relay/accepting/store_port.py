"""What an acceptance reads and writes: a port that `store.sqlite` and `store.postgresql` implement."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from gitdailies_core.deploys.pushes import RememberedCommit
from gitdailies_core.incidents.records import Occurrence
from gitdailies_core.sources.deploy_messages import Push
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_server.storage.timestamps import from_us, to_us


class Owner(NamedTuple):
    """Where an incident's name is unique: at one source, for one destination."""

    destination: str
    source: str


class Lookup(NamedTuple):
    """What deciding a message will need: whether it was stored, and the records of its incident.

    Where the message is an end, also the incidents that were merged into this one.
    """

    owner: Owner
    message: str
    incident: str
    is_end: bool


class NewEvent(NamedTuple):
    """An event to store and to deliver. The events of one `partition` are delivered in order."""

    id: str
    destination: str
    source: str
    incident: str
    delivery: str
    stored_at: int
    body: str

    @property
    def partition(self) -> str:
        return f"{self.destination}/{self.source}/{self.incident}"


class WantedDeploy(NamedTuple):
    """A deploy whose commits are sought. `previous` is what the vendor says was deployed there before."""

    place: DeployTarget
    sha: str
    at: datetime
    branch: str | None
    previous: str | None


class HeldRow(NamedTuple):
    """An event to hold from `since` for `length` (µs)."""

    incident: str
    id: str
    destination: str
    since: int
    length: int


class NewWaiting(NamedTuple):
    """A deploy to hold. `reason` is what its delivery says about that."""

    held: HeldRow
    wanted: WantedDeploy
    message: str
    reason: str


class WaitingDeploy(NamedTuple):
    """A deploy that is held, with the number and the body of its event. The names of its place are folded.

    `delivery` and `message` told it. `held_until` is in µs.
    """

    seq: int
    id: str
    wanted: WantedDeploy
    held_until: int
    body: str
    delivery: str
    message: str
    reason: str


@dataclass
class NewRows:
    """The rows to write for a batch of deliveries, each in the order of its columns below.

    Every occurrence and every stored body is in it once. `outcomes` counts the messages by
    source, whether they were replayed, and outcome. `received` has the source and time (µs) of each
    delivery that came from outside, for `source_days`. `held`, `discarded` and `released` are starts, as
    `store.outbox.write_holds` takes them, and `waiting` are deploys to hold.
    """

    deliveries: list[tuple[Any, ...]] = field(default_factory=list)
    quarantine: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    ignored: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    occurrences: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)
    outcomes: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    received: list[tuple[str, int]] = field(default_factory=list)
    held: list[HeldRow] = field(default_factory=list)
    discarded: list[tuple[str, str, str, str]] = field(default_factory=list)
    released: list[tuple[str, str, str, int]] = field(default_factory=list)
    waiting: list[NewWaiting] = field(default_factory=list)


class AcceptanceStore(Protocol):
    """The store's tables inside one transaction."""

    def prefetch(self, lookups: Iterable[Lookup]) -> None:
        """Read what *lookups* will need, where one question for all is cheaper."""

    def stored_events(self, source: str, message: str) -> str | None:
        """Return the event ids, as JSON, of a message that was stored before, or None."""

    def occurrences(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        """Return the records of an incident."""

    def merged_into(self, owner: Owner, incident: str) -> Sequence[Occurrence]:
        """Return the records that were merged into *incident* and wait for its end."""

    def held_starts(self, destination: str, incident: str) -> Collection[str]:
        """Return the ids of an incident's starts that are held. They are so until this transaction ends."""

    def has_event(self, destination: str, subject: str, id_: str) -> bool:
        """Return whether an event with this id was stored, of an incident or a deploy's *subject*."""

    def remember_push(self, push: Push, at: int) -> None:
        """Remember the commits of a push received *at* (µs). The caller's transaction sees them at once."""

    def remember_deploy(self, place: DeployTarget, sha: str, at: datetime) -> None:
        """Remember that a commit was deployed *at* a time."""

    def deployed_last(self, place: DeployTarget) -> tuple[str, datetime] | None:
        """Return the commit that was deployed last at *place*, and when, or None."""

    def deployed_shas(self, place: DeployTarget, at: datetime) -> Sequence[str]:
        """Return the commits that were deployed at *place* before *at*, the one deployed last first."""

    def has_pushes(self, repo: str) -> bool:
        """Return whether any push of a repository is remembered."""

    def branches_of(self, repo: str, sha: str) -> Sequence[str]:
        """Return the branches to which a commit was pushed."""

    def walk(self, repo: str, branch: str, sha: str) -> Sequence[RememberedCommit]:
        """Return the commit *sha* and the known ones before it on *branch*."""

    def waiting_at(self, place: DeployTarget) -> Sequence[tuple[datetime, str]]:
        """Return time and id of the deploys that wait at *place*."""

    def waiting_deploys(self, repo: str) -> Sequence[WaitingDeploy]:
        """Return the deploys of *repo*, in small letters, that wait: by place, and there by time and id."""

    def release_deploy(self, deploy: WaitingDeploy, body: str, reason: str) -> None:
        """Let a deploy go, behind what else its partition sends, and write *body* and the *reason*."""

    def write(self, rows: NewRows) -> None:
        """Write *rows*. An event whose id is stored already is left as it is."""


def place_key(place: DeployTarget) -> tuple[str, str, str]:
    """Return a place as the store names it: in small letters, "" for none."""
    return place.repo.casefold(), (place.environment or "").casefold(), (place.service or "").casefold()


DELIVERY_COLUMNS = (
    "delivery, received_at, source, message, incident, word, proof, outcome, reason, events, pack"
)
# In the tables quarantine and ignored.
BODY_COLUMNS = "delivery, received_at, source, code, reason, content_type, headers, body, digest"
EVENT_COLUMNS = "id, destination, source, incident, delivery, stored_at, body"
OUTCOME_COLUMNS = "source, is_replay, outcome, messages"
SOURCE_DAY_COLUMNS = "source, day, deliveries, first_at, last_at, longest_gap"
OCCURRENCE_COLUMNS = (
    "incident, repo, environment, service, name, state, started_at, ended_at, resolution, merged_into"
)


def record_of(row: Sequence[Any]) -> Occurrence:
    """Read a row of OCCURRENCE_COLUMNS."""
    incident, repo, environment, service, name, state, started_at, ended_at, resolution, merged_into = row
    return Occurrence(
        incident=incident,
        target=DeployTarget(repo, environment or None, service or None),
        name=name,
        state=state,
        started_at=from_us(started_at),
        ended_at=from_us(ended_at),
        merged_into=merged_into,
        resolution=resolution,
    )


def row_of(owner: Owner, record: Occurrence, changed_at: int) -> tuple[Any, ...]:
    """Write a record as destination, source, OCCURRENCE_COLUMNS, changed_at (µs)."""
    target = record.target
    return (
        *owner,
        record.incident,
        target.repo,
        target.environment or "",
        target.service or "",
        record.name,
        record.state,
        to_us(record.started_at),
        to_us(record.ended_at),
        record.resolution,
        record.merged_into,
        changed_at,
    )
