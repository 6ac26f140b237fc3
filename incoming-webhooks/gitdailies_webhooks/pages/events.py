"""The pages of events: a list with filters and a search, and one event."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from gitdailies_webhooks.derived.twice import beside
from gitdailies_webhooks.events import queries
from gitdailies_webhooks.events.queries import StoredEvent
from gitdailies_webhooks.events.query import FILTERS
from gitdailies_webhooks.pages.event_view import TITLES, event_view
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.site import OWNERS, Page, Site
from gitdailies_webhooks.pages.why_table import verdicts

_PAGE = 50


class EventPages:
    """The pages of events."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [
            Page("/events", self.show),
            Page("/events/{seq:int}", self.one),
            Page("/events/{seq:int}/delete", self.confirm_delete, needs=OWNERS),
            Page("/events/{seq:int}/delete", self.delete, "POST", needs=OWNERS),
        ]

    async def show(self, visit: Visit) -> Response:
        """List events, newest received first."""
        filters = {name: value for name in FILTERS if (value := visit.fields.get(name, "").strip())}
        search, given = visit.fields.get("search", "").strip(), visit.fields.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
        rows = await self._site.store.ask(
            partial(queries.newest_events, filters=filters, search=search, before=before, limit=_PAGE + 1)
        )
        shown = {**filters, **({"search": search} if search else {})}
        more = urlencode({**shown, "before": rows[_PAGE - 1].seq}) if len(rows) > _PAGE else None
        return self._site.render(
            visit,
            "events.html",
            events=[event_view(row) for row in rows[:_PAGE]],
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
        return self._site.render(visit, "event.html", event=event_view(row), verdicts=found, twice=twice)

    async def confirm_delete(self, visit: Visit) -> Response:
        """Ask for confirmation."""
        row = await self._row(visit)
        if row is None:
            return self._site.not_found(visit)
        return self._site.render(visit, "event-delete.html", event=event_view(row))

    async def delete(self, visit: Visit) -> Response:
        """Delete an event; the audit trail keeps a copy."""
        row = await self._row(visit)
        if row is not None:
            await self._site.store.delete(row.id, actor=visit.user.name, now=self._site.clock())
            self._site.log.info("deleted", id=row.id, person=visit.user.name)
        return self._site.redirect("/events")

    async def _row(self, visit: Visit) -> StoredEvent | None:
        seq = min(visit.request.path_params["seq"], 2**62)
        rows = await self._site.store.read(partial(queries.newest_events, before=seq + 1, limit=1))
        return rows[0] if rows and rows[0].seq == seq else None
