"""What arrived: a list to filter and search, one event in full, and the first page with the newest."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import urlencode

from gitdailies_core.events.events import KINDS
from starlette.responses import Response

from gitdailies_webhooks.accounts import key_store
from gitdailies_webhooks.events import queries
from gitdailies_webhooks.events.queries import Stored
from gitdailies_webhooks.events.query import FILTERS
from gitdailies_webhooks.pages.event_titles import subject
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.settings import MANAGE
from gitdailies_webhooks.pages.site import OWNERS, Page, Site
from gitdailies_webhooks.pages.why_table import verdicts

_PAGE, _NEWEST = 50, 5
TITLES = {kind.word: kind.title for kind in KINDS}


class Events:
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
        """Tell a newcomer what to paste next, and show what arrives."""
        now = self._site.clock()
        found = await self._site.store.read(key_store.all_keys)
        return self._site.page(
            visit,
            "start.html",
            manage=MANAGE,
            keys=[key for key in found if key.live(now)],
            address=f"{visit.origin}/webhooks",
            sample=pasted(visit.origin),
            **await self._newest(),
        )

    async def newest(self, visit: Visit) -> Response:
        """Return the part of the first page that changes, for the script that asks again and again."""
        return self._site.page(visit, "newest.html", **await self._newest())

    async def show(self, visit: Visit) -> Response:
        """List events, the last received first."""
        filters = {name: value for name in FILTERS if (value := visit.fields.get(name, "").strip())}
        search, given = visit.fields.get("search", "").strip(), visit.fields.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
        rows = await self._site.store.read(
            partial(queries.newest_first, filters=filters, search=search, before=before, limit=_PAGE + 1)
        )
        asked = {**filters, **({"search": search} if search else {})}
        more = urlencode({**asked, "before": rows[_PAGE - 1].seq}) if len(rows) > _PAGE else None
        return self._site.page(
            visit,
            "events.html",
            events=[_shown(row) for row in rows[:_PAGE]],
            more=more,
            asked=asked,
            titles=TITLES,
            paged=before is not None,
        )

    async def one(self, visit: Visit) -> Response:
        """Show an event in full, and what it counts for."""
        row = await self._row(visit)
        if row is None:
            return self._site.not_found(visit)
        told = await verdicts(self._site.store, self._site.figures, self._site.clock(), row.id)
        return self._site.page(visit, "event.html", event=_shown(row), verdicts=told)

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask whether it is meant."""
        row = await self._row(visit)
        if row is None:
            return self._site.not_found(visit)
        return self._site.page(visit, "event-delete.html", event=_shown(row))

    async def delete(self, visit: Visit) -> Response:
        """Delete an event; the audit trail keeps it."""
        row = await self._row(visit)
        if row is not None:
            await self._site.store.delete(row.id, actor=visit.who.name, now=self._site.clock())
            self._site.log.info("deleted", id=row.id, person=visit.who.name)
        return self._site.go("/events")

    async def _newest(self) -> dict[str, Any]:
        rows = await self._site.store.read(partial(queries.newest_first, limit=_NEWEST))
        return {"events": [_shown(row) for row in rows]}

    async def _row(self, visit: Visit) -> Stored | None:
        seq = min(visit.request.path_params["seq"], 2**62)
        rows = await self._site.store.read(partial(queries.newest_first, before=seq + 1, limit=1))
        return rows[0] if rows and rows[0].seq == seq else None


def _shown(row: Stored) -> dict[str, Any]:
    """Return what templates show of an event."""
    body = json.loads(row.body)
    about = subject(body)
    return {
        "seq": row.seq,
        "id": row.id,
        "body": body,
        "kind": body["kind"],
        "title": TITLES.get(body["kind"], body["kind"]),
        "subject": about.full,
        "short": about.short,
        "repo": body.get("repo", ""),
        "environment": body.get("environment", ""),
        "time": row.time,
        "received_at": row.received_at,
        "key": row.key,
    }


def pasted(origin: str) -> str:
    """Return the lines that send a first deploy, of a commit that nobody has seen."""
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
