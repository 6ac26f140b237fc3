"""The pages of events: a list with filters and a search, one event, and the start page with the newest."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.events.events import KINDS
from starlette.responses import Response

from gitdailies_webhooks.accounts import key_store
from gitdailies_webhooks.derived.twice import beside
from gitdailies_webhooks.events import listing
from gitdailies_webhooks.events.listing import StoredEvent
from gitdailies_webhooks.events.query import EARLIEST, END, FILTERS, Position, Wanted
from gitdailies_webhooks.pages.event_titles import title_of
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.settings import MANAGE
from gitdailies_webhooks.pages.site import OWNERS, Page, Site
from gitdailies_webhooks.pages.why_table import verdicts

_PAGE, _NEWEST = 50, 5
TITLES = {kind.word: kind.title for kind in KINDS}


class EventPages:
    """The pages of events."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [
            Page("/start", self.start),
            Page("/start/newest", self.newest),
            Page("/events", self.show),
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
        """List events, newest received first."""
        filters = {name: value for name in FILTERS if (value := visit.fields.get(name, "").strip())}
        search, given = visit.fields.get("search", "").strip(), visit.fields.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
        rows = await self._site.store.ask(
            partial(
                listing.newest_events,
                wanted=Wanted(filters, search=search),
                before=END if before is None else Position(EARLIEST, before),
                limit=_PAGE + 1,
            )
        )
        shown = {**filters, **({"search": search} if search else {})}
        more = urlencode({**shown, "before": rows[_PAGE - 1].seq}) if len(rows) > _PAGE else None
        return self._site.render(
            visit,
            "events.html",
            events=[_view(row) for row in rows[:_PAGE]],
            more=more,
            filters=shown,
            titles=TITLES,
            paged=before is not None,
        )

    async def one(self, visit: Visit) -> Response:
        """Show an event, what it counts for, and whether it may have been counted twice."""
        row = await self._row(visit)
        if row is None:
            return self._site.not_found(visit)
        await self._site.catch_up()
        found = await verdicts(self._site.store, self._site.settings, self._site.clock(), row.id)
        twice = await self._site.store.ask(partial(beside, id_=row.id))
        return self._site.render(visit, "event.html", event=_view(row), verdicts=found, twice=twice)

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
        "environment": body.get("environment", ""),
        "time": row.time,
        "received_at": row.received_at,
        "key": row.key,
    }


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
