"""A year of incidents at a vendor whose pack has `fetch`: as its API lists them, and as the webhooks came.

Deliveries are the examples of the pack, with other numbers and times. Answers have the shapes of the
vendors' documents: incident.io's OpenAPI (incidents, incident updates), Opsgenie's OpenAPI (alerts) and
Jira Cloud's REST API 3 (search/jql, changelog, status).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from gitdailies_core.values.times import text_of

from tests.support.history_fetch.incidents import configured

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "larkspur-token-000042"
OPENED, ENDED, REOPENED, CANCELED = "opened", "ended", "reopened", "canceled"
_SHAPES = Path(__file__).with_name("shapes")
Answer = Callable[[str, dict[str, str]], Any]
Delivery = tuple[datetime, dict[str, Any]]


@dataclass(frozen=True)
class Incident:
    """An incident: its number, its service, its start, and what happened to it later, oldest first."""

    number: int
    service: str
    created_at: datetime
    changes: tuple[tuple[datetime, str], ...] = ()


def year(count: int = 240, *, reopens: bool = True) -> list[Incident]:
    """A year of incidents: some open, some canceled, some opened again, some of a service without a route."""
    step = (END - BEGIN) / count
    made = []
    for number in range(count):
        at = (BEGIN + step * number).replace(microsecond=318_000)
        changes = [(at + timedelta(minutes=45), CANCELED if number % 9 == 5 else ENDED)]
        if reopens and number % 15 == 2:
            changes.append((at + timedelta(minutes=90), REOPENED))
        if reopens and number % 30 == 2:
            changes.append((at + timedelta(minutes=140), ENDED))
        service = ("checkout-api", "checkout-api", "search", "unmapped")[number % 4]
        made.append(Incident(number, service, at, () if number % 40 == 11 else tuple(changes)))
    return made


@cache
def _example(pack: str, name: str) -> str:
    folder = files(f"gitdailies_sources.packs.{pack}").joinpath("examples")
    return folder.joinpath(f"{name}.payload.json").read_text()


def example(pack: str, name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_example(pack, name))
    return read


def window(query: Mapping[str, str], rows: Sequence[Any], size: int, offset: int) -> tuple[list[Any], bool]:
    """Return a page of *rows*, and whether it is the last one."""
    return list(rows[offset : offset + size]), offset + size >= len(rows)


# incident.io


_STATUS = "public_incident.incident_status_updated_v2"
_CATEGORIES = {OPENED: "live", ENDED: "learning", REOPENED: "live", CANCELED: "canceled"}


def _io_incident(one: Incident, changes: Sequence[tuple[datetime, str]], at: datetime) -> dict[str, Any]:
    """Return the incident as it was at a time, after these changes."""
    item: dict[str, Any] = example("incident-io", "incident_created_v2.live")[
        "public_incident.incident_created_v2"
    ]
    item["id"] = f"01JNLARK4SAP5TYPT9{one.number:08d}"
    item["created_at"], item["updated_at"] = text_of(one.created_at), text_of(at)
    item["custom_field_entries"][0]["values"][0]["value_catalog_entry"]["name"] = one.service
    states = [(one.created_at, OPENED), *changes]
    item["incident_status"]["category"] = _CATEGORIES[states[-1][1]]
    if states[-1][1] == ENDED:
        item["incident_timestamp_values"][1]["value"] = {"value": text_of(states[-1][0])}
    return item


def incident_io_deliveries(one: Incident) -> list[Delivery]:
    item = _io_incident(one, (), one.created_at)
    sent = [
        (
            one.created_at,
            {
                "event_type": "public_incident.incident_created_v2",
                "public_incident.incident_created_v2": item,
            },
        )
    ]
    before = OPENED
    for place, (at, state) in enumerate(one.changes, 1):
        body = example("incident-io", "incident_status_updated_v2.resolved")
        change = body[_STATUS]
        change["incident"] = _io_incident(one, one.changes[:place], at)
        change["previous_status"]["category"] = _CATEGORIES[before]
        change["new_status"]["category"] = _CATEGORIES[state]
        sent.append((at, body))
        before = state
    return sent


def incident_io(given: Sequence[Incident], size: int = 25) -> Answer:
    rows = [_io_incident(one, one.changes, END) for one in given]
    updates = {}
    for one, row in zip(given, rows, strict=True):
        states = [(one.created_at, OPENED), *one.changes]
        # The newest first. The documents name no order.
        updates[row["id"]] = [
            {
                "id": f"{row['id']}-{place}",
                "incident_id": row["id"],
                "message": "We are on it.",
                "new_incident_status": {**row["incident_status"], "category": _CATEGORIES[state]},
                "created_at": text_of(at),
            }
            for place, (at, state) in enumerate(states)
        ][::-1]

    def answer(path: str, query: dict[str, str]) -> Any:
        name, found = "incident_updates", updates.get(query.get("incident_id", ""), [])
        if path == "/v2/incidents":
            first, last = query["created_at[date_range]"].split("~")
            name, found = "incidents", [row for row in rows if first <= row["created_at"][:10] <= last]
        elif path != "/v2/incident_updates":
            return None
        after = next((at for at, row in enumerate(found, 1) if row["id"] == query.get("after")), 0)
        page, is_last = window(query, found, min(size, int(query["page_size"])), after)
        meta = {"page_size": size, "total_record_count": len(found)}
        return {name: page, "pagination_meta": meta | ({} if is_last else {"after": page[-1]["id"]})}

    return answer


# Opsgenie


def _alert_id(one: Incident) -> str:
    return f"7c0f3b1e-2d64-4c58-9a1f-{one.number:012d}-{int(one.created_at.timestamp() * 1000)}"


def opsgenie_deliveries(one: Incident) -> list[Delivery]:
    sent = []
    for at, action in [(one.created_at, "Create"), *((at, "Close") for at, _ in one.changes)]:
        body = example("opsgenie", action)
        body["alert"] |= {
            "alertId": _alert_id(one),
            "entity": one.service,
            "createdAt": int(one.created_at.timestamp() * 1000),
            "updatedAt": int(at.timestamp() * 1000) * 10**6,
        }
        sent.append((at, body))
    return sent


def opsgenie(given: Sequence[Incident], most: int = 20_000) -> Answer:
    """Its API, which lists no more than *most* alerts, as the documents say."""
    alerts = []
    for one in given:
        closed = [at for at, _ in one.changes]
        sent = example("opsgenie", "Create")["alert"]
        alerts.append(
            {
                **{name: sent[name] for name in ("tinyId", "alias", "message", "tags", "source", "priority")},
                "id": _alert_id(one),
                "status": "closed" if closed else "open",
                "createdAt": text_of(one.created_at),
                # A note was added after the end.
                "updatedAt": text_of(END),
                "report": {"closeTime": int((closed[-1] - one.created_at).total_seconds() * 1000)}
                if closed
                else {},
                "entity": one.service,
                "details": {},
            }
        )

    def answer(path: str, query: dict[str, str]) -> Any:
        if path != "/v2/alerts":
            found = [one for one in alerts if path == f"/v2/alerts/{one['id']}"]
            return {"data": found[0], "took": 0.1} if found else None
        _, _, since, _, _, _, until = query["query"].split()
        rows = [one for one in alerts if int(since) <= int(one["id"].rpartition("-")[2]) < int(until)]
        offset = int(query.get("offset", "0"))
        page, is_last = window(query, rows[:most], int(query["limit"]), offset)
        listed = [
            {name: value for name, value in one.items() if name not in ("entity", "details")} for one in page
        ]
        following = f"https://api.opsgenie.com/v2/alerts?query={query['query'].replace(' ', '%20')}"
        following += f"&sort=createdAt&order=asc&limit={query['limit']}&offset={offset + len(page)}"
        return {"data": listed, "paging": {} if is_last else {"next": following}, "took": 0.1}

    return answer


# Jira


STATUSES = json.loads((_SHAPES / "jira_statuses.json").read_text("utf-8"))
_STATUS_OF = {OPENED: STATUSES[0], ENDED: STATUSES[2], REOPENED: STATUSES[1], CANCELED: STATUSES[3]}


def _in_berlin(at: datetime) -> str:
    return (at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0100"


def _issue(one: Incident, changes: Sequence[tuple[datetime, str]]) -> dict[str, Any]:
    issue: dict[str, Any] = example("jira", "issue_created")["issue"]
    at, state = changes[-1] if changes else (one.created_at, OPENED)
    is_over = state in (ENDED, CANCELED)
    issue |= {"id": f"10{one.number:03d}", "key": f"INC-{one.number}"}
    issue["fields"] |= {
        "created": _in_berlin(one.created_at),
        "resolutiondate": _in_berlin(at) if is_over else None,
        "resolution": {"name": "Done"} if is_over else None,
        "status": deepcopy(_STATUS_OF[state]),
        "statuscategorychangedate": _in_berlin(at),
        "components": [{"id": "10001", "name": one.service}],
    }
    return issue


def _histories(one: Incident) -> list[dict[str, Any]]:
    found, before = [], _STATUS_OF[OPENED]
    for place, (at, state) in enumerate(one.changes):
        after = _STATUS_OF[state]
        item = {"field": "status", "fieldId": "status", "from": before["id"], "to": after["id"]}
        name = {"fromString": before["name"], "toString": after["name"]}
        resolution = {"field": "resolution", "toString": "Done" if state != REOPENED else None}
        found.append({"id": str(place), "created": _in_berlin(at), "items": [resolution, item | name]})
        before = after
    # A change of another field says nothing about the incident.
    label = {"field": "labels", "from": "", "to": "", "fromString": "", "toString": "late"}
    return [*found, {"id": "99", "created": _in_berlin(END), "items": [label]}]


def jira_deliveries(one: Incident) -> list[Delivery]:
    body = example("jira", "issue_created")
    body |= {"issue": _issue(one, ()), "timestamp": int(one.created_at.timestamp() * 1000)}
    sent = [(one.created_at, body)]
    for place, (at, _) in enumerate(one.changes, 1):
        body = example("jira", "issue_updated.done")
        body |= {"issue": _issue(one, one.changes[:place]), "timestamp": int(at.timestamp() * 1000)}
        body["changelog"] = _histories(one)[place - 1]
        sent.append((at, body))
    return sent


def jira(given: Sequence[Incident], size: int = 20) -> Answer:
    def answer(path: str, query: dict[str, str]) -> Any:
        if path == "/rest/api/3/status":
            return STATUSES
        if path == "/rest/api/3/search/jql":
            first, last = query["jql"].split('"')[1::2]
            rows = [one for one in given if first <= text_of(one.created_at)[:10] < last]
            at = int(query.get("nextPageToken", "0"))
            page, is_last = window(query, rows, size, at)
            issues = [_issue(one, one.changes) for one in page]
            return {"issues": issues, "isLast": is_last} | (
                {} if is_last else {"nextPageToken": str(at + size)}
            )
        found = [one for one in given if path == f"/rest/api/3/issue/10{one.number:03d}/changelog"]
        if not found:
            return None
        values, at = _histories(found[0]), int(query.get("startAt", "0"))
        page, is_last = window(query, values, 2, at)
        bean = {"startAt": at, "maxResults": 2, "total": len(values), "isLast": is_last, "values": page}
        here = f"https://larkspur.atlassian.net{path}?maxResults=2&startAt={at + 2}"
        return bean | ({} if is_last else {"nextPage": here})

    return answer


@dataclass(frozen=True)
class Vendor:
    """A vendor whose pack has `fetch`: its token as a request carries it, its API and its webhooks."""

    pack: str
    token_env: str
    token: str
    answers: Callable[[Sequence[Incident]], Answer]
    deliveries: Callable[[Incident], list[Delivery]]
    secret: str
    arguments: tuple[str, ...] = ()
    reopens: bool = True

    @property
    def configuration(self) -> str:
        return configured(
            f"  oncall:\n    adapter: {self.pack}\n    secrets: [{{env: ONCALL_SECRET}}]\n{self.secret}"
        )


VENDORS = {
    one.pack: one
    for one in (
        Vendor(
            "incident-io", "INCIDENT_IO_API_KEY", f"Bearer {TOKEN}", incident_io, incident_io_deliveries, ""
        ),
        Vendor(
            "opsgenie",
            "OPSGENIE_API_KEY",
            f"GenieKey {TOKEN}",
            opsgenie,
            opsgenie_deliveries,
            "    header: X-Relay-Token\n",
            reopens=False,
        ),
        Vendor(
            "jira",
            "JIRA_API_TOKEN",
            TOKEN,
            jira,
            jira_deliveries,
            "",
            arguments=("--with", "jql=project = INC AND issuetype = Incident"),
        ),
    )
}
