"""The DORA page: five figures, their course over time, and a line of deploys and incidents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_webhooks.api.metrics import FILTERS, question
from gitdailies_webhooks.derived.dora_page import overview
from gitdailies_webhooks.derived.queries import Question
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import Refusal
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS
from gitdailies_webhooks.pages import dora_view
from gitdailies_webhooks.pages.events import pasted
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.site import Page, Site

_MOST_DAYS = 36_525


class Dora:
    """The page of figures; everything that is asked stands in its address."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [Page("/dora", self.show)]

    async def show(self, visit: Visit) -> Response:
        """Show the figures of what the address asks for, or say what is wrong with it."""
        try:
            asked = {
                name: text.strip()
                for name, text in query.parameters(visit.query, (*FILTERS, "days")).items()
                if text.strip()
            }
            self._question(asked)
        except Refusal as refusal:
            return self._wrong(visit, refusal.problem.detail)
        await self._site.catch_up()
        # What was counted meanwhile is of a later moment.
        asking = self._question(asked)
        found = await self._site.store.read(partial(overview, question=asking, settings=self._site.figures))
        context = await asyncio.to_thread(dora_view.context, found, asked, asking, self._site.figures)
        return self._site.page(visit, "dora.html", fault="", sample=pasted(visit.origin), **context)

    def _question(self, asked: Mapping[str, str]) -> Question:
        days = query.number("days", asked.get("days", str(DEFAULT_DAYS)), 1, _MOST_DAYS)
        return question(asked, self._site.figures, to_us(self._site.clock()), days)

    def _wrong(self, visit: Visit, fault: str) -> Response:
        asked = {name: visit.fields.get(name, "") for name in (*FILTERS, "days")}
        context: dict[str, Any] = dora_view.form(asked)
        return self._site.page(visit, "dora.html", 400, fault=fault, shown=False, **context)
