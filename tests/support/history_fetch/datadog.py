"""A year of Datadog's incidents and alerts in two forms: as its API lists them, and as the webhooks came.

Shapes are those of Datadog's API reference and of answers that others recorded; every value is invented.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gitdailies_core.values.times import text_of

from tests.support.history_fetch.shapes import filled

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
API_KEY, APP_KEY = "larkspur-api-key-42", "larkspur-app-key-42"


def admits(path: str, headers: Mapping[str, str]) -> bool:
    """Whether both keys were sent, each in its header."""
    return (headers.get("DD-API-KEY"), headers.get("DD-APPLICATION-KEY")) == (API_KEY, APP_KEY)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000


@dataclass(frozen=True)
class Incident:
    """An incident of Incident Management: its number, services, and its states with their beginnings."""

    number: int
    services: tuple[str, ...]
    env: str
    states: tuple[tuple[datetime, str], ...]
    test: bool = False

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.number)))

    @property
    def created_at(self) -> datetime:
        return self.states[0][0]

    def listed(self, *, spans: bool = True) -> dict[str, Any]:
        """It in the answer of a search; without *spans*, as the schema has it."""
        ends = [*(int(at.timestamp()) for at, _ in self.states[1:]), None]
        analytics: dict[str, Any] = {}
        for (at, state), end in zip(self.states, ends, strict=True):
            span = {"start": int(at.timestamp()), "end": end}
            analytics.setdefault(state, {"duration": 0, "spans": []})["spans"].append(span)
        over = [at for at, state in self.states if state == "resolved"]
        made = filled(
            "datadog_incident",
            **self._known(self.states[-1][1]),
            created=self.created_at.isoformat(),
            resolved=over[-1].isoformat() if over else None,
            test=self.test,
            spans=analytics,
        )
        if not spans:
            del made["data"]["attributes"]["field_analytics"]
        return made

    def _known(self, state: str) -> dict[str, Any]:
        return {
            "number": self.number,
            "id": self.id,
            "event": 7_000_000 + self.number,
            "state": state,
            "services": self.services,
            "env": self.env,
        }

    def deliveries(
        self, *, late: timedelta = timedelta(), first: int = 0
    ) -> list[tuple[datetime, dict[str, Any]]]:
        """The webhooks of it from its state number *first* on, each with its time, sent *late*."""
        return [
            (at, filled("datadog_incident_webhook", **self._known(state), at=str(milliseconds(at + late))))
            for at, state in self.states[first:]
            if not self.test
        ]


def year(count: int = 260) -> list[Incident]:
    """A year of incidents: some open, reopened or never stable, some of two services, some tests."""
    made = []
    for number in range(count):
        at = (BEGIN + (END - BEGIN) / count * number).replace(microsecond=0)
        states = ["active", "stable", "resolved"]
        if number % 40 == 11:
            states = ["active"]
        elif number % 13 == 4:
            states = ["active", "resolved"]
        elif number % 17 == 6:
            states = ["active", "stable", "active", "stable", "resolved"]
        made.append(
            Incident(
                number=number + 1,
                services=("billing",)
                if number % 10 == 9
                else ("checkout-api", "search")
                if number % 7 == 5
                else ("checkout-api",),
                env="staging" if number % 6 == 4 else "prod",
                states=tuple((at + timedelta(minutes=20 * n), state) for n, state in enumerate(states)),
                test=number % 31 == 7,
            )
        )
    return made


def searched(given: list[Incident], *, spans: bool = True) -> Any:
    """Answer as the search for incidents does: newest first, at most 100 a page, whatever their time."""
    newest = sorted(given, key=lambda one: one.created_at, reverse=True)

    def answer(path: str, query: dict[str, str]) -> Any:
        if (
            path != "/api/v2/incidents/search"
            or query["sort"] != "-created"
            or "state:" not in query["query"]
        ):
            return None
        size, offset = int(query["page[size]"]), int(query["page[offset]"])
        rows = [one.listed(spans=spans) for one in newest[offset : offset + min(size, 100)]]
        attributes = {"total": len(given), "facets": {}, "incidents": rows}
        return {
            "data": {"type": "incidents_search_results", "attributes": attributes},
            "meta": {"pagination": {"offset": offset, "next_offset": offset + len(rows), "size": len(rows)}},
        }

    return answer


@dataclass(frozen=True)
class Event:
    """One message of a monitor: the key of its cycle, its time, its word and its service."""

    number: int
    cycle: int
    at: datetime
    word: str
    service: str

    @property
    def title(self) -> str:
        return f"[{self.word} on {{service:{self.service}}}] Error rate is high"

    @property
    def tags(self) -> list[str]:
        return ["env:prod", "monitor", f"service:{self.service}", "source:alert"]

    def listed(self, *, keyed: bool = True) -> dict[str, Any]:
        """It in a list of events; not *keyed*, as the schema has it."""
        kinds = {
            "Triggered": "alert",
            "Recovered": "alert recovery",
            "Warn": "warning",
            "Renotify": "renotify",
        }
        monitor: dict[str, Any] = {"id": 51840021, "name": "Error rate", "priority": 2}
        if keyed:
            monitor["alert_cycle_key_txt"] = str(self.cycle)
            monitor["transition"] = {"transition_type": kinds[self.word], "destination_state": "Alert"}
        return filled(
            "datadog_event",
            id=f"AwAAAY{self.number:08}",
            time=text_of(self.at),
            tags=self.tags,
            monitor=monitor,
            at=milliseconds(self.at),
            **self._known,
        )

    @property
    def _known(self) -> dict[str, Any]:
        return {"event": str(8_000_000 + self.number), "service": self.service, "title": self.title}

    def delivery(self, *, keyed: bool = True) -> tuple[datetime, dict[str, Any]]:
        cycle, tags = str(self.cycle) if keyed else "", ",".join(self.tags)
        at = str(milliseconds(self.at))
        known = {"word": self.word, "cycle": cycle, "tags": tags, "at": at, **self._known}
        return self.at, filled("datadog_event_webhook", **known)


def alerts(count: int = 1_100) -> list[Event]:
    """A year of alerts: most recover, some were repeated or only warned; the last recovers after the year."""
    made: list[Event] = []
    for number in range(count):
        at = (BEGIN + (END - BEGIN) / count * number).replace(microsecond=0)
        service = ("checkout-api", "search", "billing")[number % 3]
        words = [("Triggered", 0), ("Recovered", 9)]
        if number % 19 == 4:
            words = [("Triggered", 0), ("Renotify", 5), ("Recovered", 9)]
        elif number % 23 == 5:
            words = [("Warn", 0), ("Recovered", 4)]
        elif number % 29 == 6:
            words = [("Triggered", 0)]
        if number == count - 1:
            words = [("Triggered", 0), ("Recovered", 60 * 24)]
        for word, minutes in words:
            made.append(Event(len(made), 9_000_000 + number, at + timedelta(minutes=minutes), word, service))
    return sorted(made, key=lambda one: one.at)


def listed(given: list[Event], *, keyed: bool = True) -> Any:
    """Answer as the list of events does: oldest first, a cursor to what follows."""

    def answer(path: str, query: dict[str, str]) -> Any:
        since = int(query["filter[from]"])
        if (
            path != "/api/v2/events"
            or query["sort"] != "timestamp"
            or "source:alert" not in query["filter[query]"]
        ):
            return None
        rows = [one for one in given if milliseconds(one.at) >= since]
        size, begin = min(int(query["page[limit]"]), 1_000), int(query.get("page[cursor]", "0"))
        page = {"after": str(begin + size)} if begin + size < len(rows) else {}
        found = [one.listed(keyed=keyed) for one in rows[begin : begin + size]]
        return {"data": found, "meta": {"page": page, "status": "done"}}

    return answer
