"""The first page, and Connect: what is connected, what is silent, and what to paste next."""

from functools import partial
from typing import Any

from gitdailies_core.events.events import DEPLOYED
from starlette.responses import Response

from gitdailies_dora.accounts.keys import key_store
from gitdailies_dora.accounts.keys.wrong_requests import keys_gone_wrong
from gitdailies_dora.events import listing
from gitdailies_dora.events.records.senders import all_senders
from gitdailies_dora.pages.frame.event_summary import event_summary
from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import OWNERS, Page, PageGroup
from gitdailies_dora.pages.settings.samples import deploy_command, relay_settings
from gitdailies_dora.pages.settings.webhook_keys import MANAGE, RECENTLY, permissions

CONNECT, NEWEST = "/connect", "/connect/newest"
_NEWEST = 5


class ConnectPages(PageGroup):
    """The first page, and the page on which owners connect senders."""

    def pages(self) -> list[Page]:
        return [
            Page(CONNECT, self.connect, needs=OWNERS),
            Page(NEWEST, self.newest, needs=OWNERS),
        ]

    async def first(self, visit: Visit) -> Response:
        """Lead to the figures once there is an event; else owners to Connect."""
        if await self._site.store.read(partial(listing.newest_events, limit=1)):
            return self._site.redirect("/dora")
        if visit.is_owner:
            return self._site.redirect(CONNECT)
        text = "Figures begin with the first deploy. Ask an owner to connect a pipeline."
        return self._site.message(visit, 200, "No events yet", text)

    async def connect(self, visit: Visit) -> Response:
        """Show what sends, what is silent, and what to paste next."""
        now = self._site.clock()
        keys = await self._site.store.read(key_store.all_keys)
        wrong = await self._site.store.read(partial(keys_gone_wrong, since=now - RECENTLY))
        senders = await self._site.store.read(all_senders)
        kinds = await self._site.store.read(listing.kinds)
        return self._site.render(
            visit,
            "connect.html",
            manage=MANAGE,
            newest=NEWEST,
            keys=[key for key in keys if key.is_valid(now)],
            wrong=wrong,
            permissions=permissions,
            senders=[(sender, sender.is_silent(now)) for sender in senders],
            has_deploys=DEPLOYED in kinds,
            has_incidents=not {*kinds} <= {DEPLOYED},
            sample=deploy_command(visit.origin),
            settings=relay_settings(visit.origin),
            **await self._newest(),
        )

    async def newest(self, visit: Visit) -> Response:
        """Return the newest events for the script of Connect, which asks every two seconds."""
        return self._site.render(visit, "newest.html", **await self._newest())

    async def _newest(self) -> dict[str, Any]:
        rows = await self._site.store.read(partial(listing.newest_events, limit=_NEWEST))
        return {"events": [event_summary(row, self._site.settings.renames) for row in rows]}
