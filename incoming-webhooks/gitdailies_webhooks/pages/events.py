"""The pages of events: a list with filters and a search, one event, and the start page with the newest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.events.events import DEPLOYED, INCIDENT_STARTED, KINDS
from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_webhooks.accounts import key_store
from gitdailies_webhooks.derived import detail, event_list
from gitdailies_webhooks.derived.twice import beside
from gitdailies_webhooks.events import listing
from gitdailies_webhooks.events.listing import StoredEvent
from gitdailies_webhooks.events.query import END, FILTERS, HAPPENED, position, wanted_of
from gitdailies_webhooks.pages import event_view
from gitdailies_webhooks.pages.event_links import commit_url, event_url, events_url, repository_url
from gitdailies_webhooks.pages.event_titles import title_of
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.settings import MANAGE
from gitdailies_webhooks.pages.site import OWNERS, Page, Site

TITLES = {kind.word: kind.title for kind in KINDS}
_PAGE, _NEWEST = 50, 5
_PARAMETERS = (*FILTERS, "from", "to", "q", "order")
# How the detail of an event is read and shown, by its kind.
_DETAILS: Mapping[str, tuple[Callable[..., Any], Callable[..., dict[str, Any]]]] = {
    DEPLOYED: (detail.deploy, event_view.deploy_view),
    INCIDENT_STARTED: (detail.incident, event_view.incident_view),
}
# What a template may show, for an event that does not have it.
_NO_VIEW: Mapping[str, Any] = dict.fromkeys(
    (
        *("state", "bad", "summary", "before", "after", "fixes", "merged_into", "cause", "remedies"),
        *(
            "attribution",
            "correction",
            "choices",
            "steps",
            "commits",
            "commits_unknown",
            "occurrences",
            "verdicts",
        ),
    )
)
# Fields of an event that its page names.
_FACTS = (
    ("service", "Service"),
    ("branch", "Branch"),
    ("run", "Run"),
    ("attempt", "Attempt"),
    ("reporter", "Reported by"),
    ("severity", "Severity"),
    ("source", "Source"),
)


class EventPages:
    """The pages of events."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [
            Page("/start", self.start),
            Page("/start/newest", self.newest),
            Page("/events", self.show),
            Page("/events/id", self.named),
            Page("/deploys/{id:path}", self.named),
            Page("/incidents/{id:path}", self.incident),
            Page("/events/{seq:int}", self.one),
            Page("/events/{seq:int}/delete", self.confirm_delete, needs=OWNERS),
            Page("/events/{seq:int}/delete", self.delete, "POST", needs=OWNERS),
        ]

    async def start(self, visit: Visit) -> Response:
        """Show a newcomer what to paste next, and the newest events."""
        now = self._site.clock()
        found = await self._site.store.read(key_store.all_keys)
        return self._site.render(
            visit,
            "start.html",
            manage=MANAGE,
            keys=[key for key in found if key.is_valid(now)],
            address=f"{visit.origin}/webhooks",
            sample=sample_command(visit.origin),
            **await self._newest(),
        )

    async def newest(self, visit: Visit) -> Response:
        """Return the newest events for the script of the start page, which asks every two seconds."""
        return self._site.render(visit, "newest.html", **await self._newest())

    async def show(self, visit: Visit) -> Response:
        """List events, the newest by time or by arrival first."""
        given = {name: text for name in _PARAMETERS if (text := visit.fields.get(name, "").strip())}
        given.setdefault("order", HAPPENED)
        wanted = wanted_of(given, self._site.settings.zone)
        before = visit.fields.get("before", "")
        await self._site.catch_up()
        listed = partial(
            event_list.listed,
            wanted=wanted,
            before=position(before, wanted.order) if before else END,
            limit=_PAGE + 1,
            settings=self._site.settings,
            now=to_us(self._site.clock()),
        )
        rows = await self._site.store.ask(listed)
        shown = {name: text for name, text in given.items() if (name, text) != ("order", HAPPENED)}
        last = rows[_PAGE - 1].event.position.text(wanted.order) if len(rows) > _PAGE else ""
        return self._site.render(
            visit,
            "events.html",
            events=[{**_view(row.event), "result": row.result, "bad": row.bad} for row in rows[:_PAGE]],
            more=urlencode({**shown, "before": last}) if last else None,
            newest=urlencode(shown),
            without={name: _without(shown, name) for name in shown},
            filters=shown,
            order=wanted.order,
            titles=TITLES,
            paged=bool(before),
        )

    async def one(self, visit: Visit) -> Response:
        """Show the event with a number."""
        return await self._event(visit, await self._row(visit))

    async def named(self, visit: Visit) -> Response:
        """Show the event with an id: the page of an event whose id the path or the query names."""
        id_ = visit.request.path_params.get("id") or visit.fields.get("id", "")
        row = await self._site.store.read(partial(listing.event_with_id, id_=id_))
        return await self._event(visit, row)

    async def incident(self, visit: Visit) -> Response:
        """Show an incident, by the id of its start or by the sender's id."""
        id_ = visit.request.path_params["id"]
        row = await self._site.store.read(partial(listing.event_with_id, id_=id_))
        if row is None or json.loads(row.body)["kind"] != INCIDENT_STARTED:
            row = await self._site.store.read(partial(listing.newest_start, incident=id_)) or row
        return await self._event(visit, row)

    async def _event(self, visit: Visit, row: StoredEvent | None) -> Response:
        """Show an event: what it counts for, what is related to it, and whether it was counted twice."""
        if row is None:
            return self._site.not_found(visit)
        await self._site.catch_up()
        event, now, settings = _view(row), to_us(self._site.clock()), self._site.settings
        read, view = _DETAILS.get(event["kind"], (detail.event, event_view.end_view))
        found = await self._site.store.ask(partial(read, id_=row.id, settings=settings, now=now))
        twice = await self._site.store.ask(partial(beside, id_=row.id))
        shown = {**_NO_VIEW, **({} if found is None else view(found, settings.zone))}
        shown["may_correct"] = self._site.may_correct(visit)
        return self._site.render(visit, "event.html", event=event, view=shown, twice=twice)

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        row = await self._row(visit)
        if row is None:
            return self._site.not_found(visit)
        return self._site.render(visit, "event-delete.html", event=_view(row))

    async def delete(self, visit: Visit) -> Response:
        """Delete an event; the audit trail keeps a copy."""
        row = await self._row(visit)
        if row is not None:
            await self._site.store.delete(row.id, actor=visit.user.name, now=self._site.clock())
            self._site.log.info("deleted", id=row.id, person=visit.user.name)
        return self._site.redirect("/events")

    async def _newest(self) -> dict[str, Any]:
        rows = await self._site.store.read(partial(listing.newest_events, limit=_NEWEST))
        return {"events": [_view(row) for row in rows]}

    async def _row(self, visit: Visit) -> StoredEvent | None:
        seq = min(visit.request.path_params["seq"], 2**62)
        return await self._site.store.read(partial(listing.event_numbered, seq=seq))


def _view(row: StoredEvent) -> dict[str, Any]:
    """Return what templates show of an event."""
    body = json.loads(row.body)
    title = title_of(body)
    return {
        "seq": row.seq,
        "id": row.id,
        "body": body,
        "kind": body["kind"],
        "title": TITLES.get(body["kind"], body["kind"]),
        "subject": title.full,
        "short": title.short,
        "repo": body.get("repo", ""),
        "repo_url": repository_url(str(body.get("repo", ""))),
        "href": event_url(row.id, body["kind"]),
        "facts": _facts(body),
        "environment": body.get("environment", ""),
        "time": row.time,
        "received_at": row.received_at,
        "key": row.key,
    }


def _facts(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return more facts of an event: name, text, and address or "". A commit and an incident are links."""
    facts = []
    if sha := body.get("commitSHA"):
        url = commit_url(str(body.get("url", "")), str(body.get("repo", "")), str(sha))
        facts.append(("Commit", str(sha)[:12], url))
    if incident := body.get("incidentId"):
        facts.append(("Incident", str(incident), events_url(incidentId=str(incident))))
    facts += [(title, str(body[name]), "") for name, title in _FACTS if isinstance(body.get(name), str)]
    if str(body.get("url", "")).startswith(("https://", "http://")):
        facts.append(("Where", str(body["url"]), str(body["url"])))
    return facts


def _without(shown: Mapping[str, str], name: str) -> str:
    return urlencode({other: text for other, text in shown.items() if other != name})


def sample_command(origin: str) -> str:
    """Return a command that sends a first deploy, with a random commit."""
    return (
        f"curl -sS {origin}/webhooks \\\n"
        '  -H "webhook-key: $GITDAILIES_WEBHOOK_KEY" \\\n'
        '  -H "content-type: application/json" \\\n'
        "  --data '{\n"
        '    "kind": "deployed",\n'
        '    "repo": "larkspur/checkout-api",\n'
        '    "environment": "production",\n'
        '    "branch": "main",\n'
        '    "commitSHA": "\'$(openssl rand -hex 20)\'"\n'
        "  }'"
    )
