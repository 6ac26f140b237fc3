"""A year of Squadcast incidents in two forms: as its API has them, and as the webhooks came.

Shapes are those of Squadcast's API reference and of an export that others recorded; every value is invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gitdailies_core.values.times import text_of

from tests.support.history_fetch.shapes import filled

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
NOT_SET = "0001-01-01T00:00:00Z"
TEAM = "65aa0f01d7e3f40019b7c000"
SERVICES = {
    "checkout": {"id": "65aa1203d7e3f40019b7c2b4", "name": "Checkout API", "slug": "checkout-api"},
    "search": {"id": "65aa1203d7e3f40019b7c2b5", "name": "Search", "slug": "search"},
    "unmapped": {"id": "65aa1203d7e3f40019b7c2b6", "name": "Billing", "slug": "billing"},
}


@dataclass(frozen=True)
class Incident:
    """An incident: its number, service, priority, start, and the times at which it was resolved."""

    number: int
    service: str
    priority: str | None
    created_at: datetime
    resolved: tuple[datetime, ...]
    suppressed: bool = False

    @property
    def id(self) -> str:
        return f"69a7f2c4b1d0e800{self.number:08x}"

    @property
    def status(self) -> str:
        return "suppressed" if self.suppressed else "resolved" if self.resolved else "triggered"

    @property
    def tags(self) -> Any:
        tags = {"env": "staging" if self.number % 6 == 4 else "prod", "severity": "critical"}
        return {name: {"value": value, "color": "#FF0A49"} for name, value in tags.items()}

    def row(self) -> dict[str, Any]:
        """Its row in an export: no id of the service, no priority."""
        resolved = text_of(self.resolved[-1]) if self.resolved else NOT_SET
        service = SERVICES[self.service]["name"]
        return filled("squadcast_row", service=service, resolved=resolved, **self._known)

    def whole(self) -> dict[str, Any]:
        logs = [("triggered", self.created_at), *(("resolved", at) for at in self.resolved)]
        return filled(
            "squadcast_incident",
            service_id=SERVICES[self.service]["id"],
            priority=self.priority or "",
            has_priority=self.priority is not None,
            logs=[{"action": action, "assignedTo": "user", "time": text_of(at)} for action, at in logs],
            **self._known,
        )

    @property
    def _known(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "number": self.number,
            "status": self.status,
            "created": text_of(self.created_at),
            "tags": self.tags,
        }

    def deliveries(self, *, late: timedelta = timedelta()) -> list[tuple[datetime, dict[str, Any]]]:
        """Return its webhooks, each with its time; the times of ends are *late* by that much."""
        if self.suppressed:
            return []
        webhooks = []
        for word, at in [
            ("triggered", self.created_at),
            ("acknowledged", self.created_at + timedelta(minutes=3)),
            *(("resolved", at + late) for at in self.resolved),
        ]:
            known = {**self._known, "service": SERVICES[self.service], "word": word, "at": text_of(at)}
            body = filled("squadcast_webhook", **known)
            if self.priority:
                body["data"]["resource_data"]["priority"] = self.priority
            webhooks.append((at, body))
        return webhooks


def year(count: int = 240) -> list[Incident]:
    """A year of incidents: some open, suppressed or resolved twice, some of a service without a route."""
    step = (END - BEGIN) / count
    made = []
    for number in range(count):
        at = (BEGIN + step * number).replace(microsecond=301_000)
        minutes = () if number % 40 == 11 else (45, 90) if number % 15 == 2 else (45,)
        made.append(
            Incident(
                number=number,
                service=("checkout", "checkout", "search", "unmapped")[number % 4],
                priority=("P1", "P2", "P4", None)[number // 4 % 4],
                created_at=at,
                resolved=tuple(at + timedelta(minutes=minute) for minute in minutes),
                suppressed=number % 31 == 7,
            )
        )
    return made


@dataclass
class Squadcast:
    """Its API for *incidents*; an access token holds for some requests, the refresh token for an exchange."""

    incidents: list[Incident]
    refresh: str
    good_for: int = 10**6
    signed_in: int = 0
    left: int = 0

    def admits(self, path: str, headers: Mapping[str, str]) -> bool:
        if path == "/oauth/access-token":
            return headers.get("X-Refresh-Token") == self.refresh
        self.left -= 1
        proof = headers.get("Authorization") == f"Bearer {self.access}"
        return proof and self.left >= 0 and self.refresh not in str(headers)

    @property
    def access(self) -> str:
        return f"larkspur-access-{self.signed_in:04}"

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/oauth/access-token":
            self.signed_in += 1
            self.left = self.good_for
            return {"data": {"access_token": self.access, "type": "bearer", "refresh_token": self.refresh}}
        if path == "/v3/teams":
            return {"data": [{"id": TEAM, "name": "Payments"}]}
        if path == "/v3/services":
            return {"data": list(SERVICES.values())} if query == {"owner_id": TEAM} else None
        if path == "/v3/incidents/export":
            since, until = (datetime.fromisoformat(query[name]) for name in ("start_time", "end_time"))
            if (query["type"], query["owner_id"]) != ("json", TEAM) or until - since > timedelta(days=31):
                return None
            rows = [one.row() for one in self.incidents if since <= one.created_at <= until]
            return {"incidents": rows or None}
        found = [one for one in self.incidents if path == f"/v3/incidents/{one.id}"]
        return {"data": found[0].whole()} if found else None
