"""What an acceptance reads and writes, a batch at a time; `sqlite_rows` and `postgresql_rows` do it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gitdailies_core.incidents.records import Occurrence
from gitdailies_core.incidents.routing import Target
from gitdailies_server.storage.timestamps import from_us, to_us


class Whose(NamedTuple):
    """Whose periods they are: an incident's name is the source's own."""

    destination: str
    source: str


class Asked(NamedTuple):
    """What will be asked for to decide a message: whether it was stored, and its incident's periods.

    Also what waits for the incident's end, where the message is one.
    """

    whose: Whose
    message: str
    incident: str
    is_end: bool


class NewEvent(NamedTuple):
    """An event to keep and to deliver; `partition` names those that must stay in order."""

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


@dataclass
class Batch:
    """What is to be written: rows in the order of their columns, each period and kept delivery once."""

    deliveries: list[tuple[Any, ...]] = field(default_factory=list)
    kept: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    periods: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[NewEvent] = field(default_factory=list)


class Rows(Protocol):
    """One transaction's access to the tables of `tables`."""

    def read_ahead(self, asked: Iterable[Asked]) -> None:
        """Be told what will be asked for, where it is cheaper to ask for all at once."""

    def stored(self, source: str, message: str) -> str | None:
        """Return the event ids, as JSON, of a message that was stored before."""

    def periods(self, whose: Whose, incident: str) -> Sequence[Occurrence]:
        """Return an incident's records."""

    def waiting(self, whose: Whose, incident: str) -> Sequence[Occurrence]:
        """Return the records of incidents merged into *incident* that wait for its end."""

    def write(self, batch: Batch) -> None:
        """Write a batch; an event whose id is there already is not written again."""


DELIVERY_COLUMNS = "delivery, received_at, source, message, incident, word, proof, outcome, reason, events"
KEPT_COLUMNS = "delivery, received_at, source, why, reason, content_type, body"
EVENT_COLUMNS = "id, destination, source, incident, delivery, stored_at, body"
PERIOD_COLUMNS = "incident, repo, environment, service, name, state, started_at, ended_at, merged_into"


def period_of(row: Sequence[Any]) -> Occurrence:
    """Read a row of PERIOD_COLUMNS."""
    incident, repo, environment, service, name, state, started_at, ended_at, merged_into = row
    return Occurrence(
        incident=incident,
        target=Target(repo, environment or None, service or None),
        name=name,
        state=state,
        started_at=from_us(started_at),
        ended_at=from_us(ended_at),
        merged_into=merged_into,
    )


def row_of(whose: Whose, record: Occurrence, changed_at: int) -> tuple[Any, ...]:
    """Write a record as destination, source, PERIOD_COLUMNS, changed_at."""
    target = record.target
    return (
        *whose,
        record.incident,
        target.repo,
        target.environment or "",
        target.service or "",
        record.name,
        record.state,
        to_us(record.started_at),
        to_us(record.ended_at),
        record.merged_into,
        changed_at,
    )
