"""A year of PagerDuty incidents in two forms: as the REST API lists them, and as the webhooks came.

Shapes are those of the REST API reference and of the adapter's examples; every value is invented.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gitdailies_core.values.times import text_of

from tests.support.history_fetch.shapes import filled

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
_SERVICES = ("checkout", "search", "unmapped")


@dataclass(frozen=True)
class Incident:
    """An incident: its id, service, urgency, its alternating starts and ends, and whether it was merged."""

    id: str
    service: str
    urgency: str
    moments: tuple[datetime, ...]
    merged_into: str = ""

    @property
    def reopened_at(self) -> datetime | None:
        starts = self.moments[2::2]
        return starts[-1] if starts else None

    def data(self) -> dict[str, Any]:
        """The fields that a listing and a webhook share."""
        merged = {"id": self.merged_into, "type": "incident_reference"}
        reason = {"type": "merge_resolve_reason", "incident": merged} if self.merged_into else None
        known = {"service": self.service, "service_id": f"P{self.service.upper()}", "urgency": self.urgency}
        created = text_of(self.moments[0])
        return filled("pagerduty_incident", id=self.id, created=created, reason=reason, **known)

    def listed(self) -> dict[str, Any]:
        more = {"reopened_at": text_of(self.reopened_at)} if self.reopened_at else {}
        status = "resolved" if len(self.moments) % 2 == 0 else "triggered"
        return {**self.data(), **more, "incident_number": int(self.id[1:]), "status": status}

    def log(self) -> list[dict[str, Any]]:
        """Its log entries, newest first; the entry of a start is a moment later than the start."""
        entries = []
        for number, at in enumerate(self.moments):
            kind = "resolve" if number % 2 else "trigger"
            entries.append((at + timedelta(seconds=1 - number % 2), f"{kind}_log_entry"))
            if not number:
                entries.append((at + timedelta(seconds=30), "acknowledge_log_entry"))
        return [
            {
                "id": f"R{self.id}{number}",
                "type": kind,
                "created_at": text_of(at),
                "incident": {"id": self.id},
            }
            for number, (at, kind) in enumerate(entries)
        ][::-1]

    def deliveries(self) -> list[tuple[datetime, dict[str, Any]]]:
        """The webhooks of it, each with its time."""
        webhooks = []
        for number, at in enumerate(self.moments):
            word = "resolved" if number % 2 else "reopened" if number else "triggered"
            data = replace(self, moments=self.moments[: number + 1]).data()
            if number >= 2:
                data["reopened_at"] = text_of(self.moments[number - number % 2])
            if number < len(self.moments) - 1:
                data["resolve_reason"] = None
            event = {
                "id": f"E{self.id}{number}",
                "event_type": f"incident.{word}",
                "resource_type": "incident",
                "occurred_at": text_of(at),
                "data": data,
            }
            webhooks.append((at, {"event": event}))
        return webhooks


def year(count: int = 250) -> list[Incident]:
    """A year of incidents: some reopened, some merged, some open, some of a service that no route has."""
    made = []
    for number in range(count):
        at = BEGIN + timedelta(seconds=(END - BEGIN).total_seconds() // count * number)
        minutes = [0, 40, 90, 130] if number % 10 == 3 else [0] if number % 50 == 7 else [0, 40]
        made.append(
            Incident(
                id=f"Q{number:06}",
                service=_SERVICES[number // 9 % 3] if number % 9 == 2 else "checkout",
                urgency="low" if number % 8 == 5 else "high",
                moments=tuple(at + timedelta(minutes=minute) for minute in minutes),
                merged_into=f"Q{number + 1:06}" if number % 25 == 9 and number + 1 < count else "",
            )
        )
    # A target is open while another is merged into it.
    for number, one in enumerate(made):
        if one.merged_into:
            into = made[number + 1]
            made[number + 1] = replace(
                into, moments=(one.moments[0] + timedelta(minutes=5), one.moments[-1] + timedelta(hours=3))
            )
    return made


def answers(incidents: list[Incident], *, most: int = 10_000) -> Any:
    """Answer as `GET /incidents` and `GET /incidents/{id}/log_entries` do; beyond *most* rows, with 400."""
    by_id = {one.id: one for one in incidents}

    def answer(path: str, query: dict[str, str]) -> Any:
        limit, offset = int(query["limit"]), int(query["offset"])
        if path == "/incidents":
            since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
            if until - since > timedelta(days=184):
                return None
            # Both ends count, as may be: an incident at the end of one part comes again in the next.
            rows = [one.listed() for one in incidents if since <= one.moments[0] <= until]
            name, total = "incidents", len(rows)
        elif path.startswith("/incidents/") and path.endswith("/log_entries"):
            rows, name = by_id[path.split("/")[2]].log(), "log_entries"
            total = None
        else:
            return None
        if offset + limit > most:
            return None
        page = rows[offset : offset + limit]
        return {
            name: page,
            "limit": limit,
            "offset": offset,
            "more": offset + limit < len(rows),
            "total": total,
        }

    return answer
