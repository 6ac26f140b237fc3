"""The DORA page: five figures, their trends, and a timeline of deploys and incidents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from gitdailies_server.storage.timestamps import to_us
from starlette.responses import Response

from gitdailies_webhooks.derived.queries import Question
from gitdailies_webhooks.derived.question import FILTERS, question
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import Refusal
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS
from gitdailies_webhooks.pages import dora_view
from gitdailies_webhooks.pages.request_context import Visit
from gitdailies_webhooks.pages.samples import deploy_command
from gitdailies_webhooks.pages.site import Page, Site

_MOST_DAYS = 36_525


class DoraPage:
    """The page of figures; its address contains the whole question."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def pages(self) -> list[Page]:
        return [Page("/dora", self.show)]

    async def show(self, visit: Visit) -> Response:
        """Show the figures that the address asks for, or the error in it."""
        try:
            filters = {
                name: text.strip()
                for name, text in query.parameters(visit.query, (*FILTERS, "days")).items()
                if text.strip()
            }
            self._question(filters)
        except Refusal as refusal:
            return self._error(visit, refusal.problem.detail)
        await self._site.catch_up()
        # The rows may now include events later than the first moment.
        question_ = self._question(filters)
        settings = self._site.settings
        shown = partial(dora_view.shown, filters=filters, question=question_, settings=settings)
        context = await self._site.store.ask(shown)
        return self._site.render(visit, "dora.html", error="", sample=deploy_command(visit.origin), **context)

    def _question(self, filters: Mapping[str, str]) -> Question:
        days = query.number("days", filters.get("days", str(DEFAULT_DAYS)), 1, _MOST_DAYS)
        return question(filters, self._site.settings, to_us(self._site.clock()), days)

    def _error(self, visit: Visit, error: str) -> Response:
        filters = {name: visit.fields.get(name, "") for name in (*FILTERS, "days")}
        context: dict[str, Any] = dora_view.form(filters)
        return self._site.render(visit, "dora.html", 400, error=error, shown=False, **context)
