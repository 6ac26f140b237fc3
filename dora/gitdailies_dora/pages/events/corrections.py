"""Corrections by people: the forms on the page of a deploy or an incident, and in the review."""

from __future__ import annotations

from starlette.responses import Response

from gitdailies_dora.derived import correcting
from gitdailies_dora.derived.correcting import Wish
from gitdailies_dora.events.problem import Refusal, refusal
from gitdailies_dora.figures.history.corrections import DEPLOY, OF_DEPLOY, OF_INCIDENT, OF_REWORK, REWORK
from gitdailies_dora.pages.events.event_pages import EventPages
from gitdailies_dora.pages.frame.request_context import Visit, local_path
from gitdailies_dora.pages.frame.site import Page, PageGroup, Site


class CorrectionPages(PageGroup):
    """What the forms of corrections do. They need a reason, and lead back to where they were sent from."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._events = EventPages(site)

    def pages(self) -> list[Page]:
        needs = self._site.correct_needs
        return [
            Page("/corrections", self.correct, "POST", needs=needs),
            Page("/corrections/undo", self.undo, "POST", needs=needs),
        ]

    async def correct(self, visit: Visit) -> Response:
        """Correct an event. A deploy is chosen by its id, behind the word or in a field of its own."""
        event = visit.fields.get("event", "")
        try:
            return await self._correct(visit, event)
        except Refusal as refused:
            # The fields are on the page of the event. A form of the review has none to fill in.
            again = await self._events.with_wrong_correction(visit, event, refused)
            if again is None:
                raise
            return again

    async def _correct(self, visit: Visit, event: str) -> Response:
        fields = visit.fields
        what, _, deploy = fields.get("what", "").partition(" ")
        if what not in (*OF_INCIDENT, *OF_DEPLOY, *OF_REWORK):
            raise refusal("request", "what: choose what happened")
        chosen = (deploy or fields.get("deploy", "")).strip() if what == DEPLOY else None
        wish = Wish(event, what, chosen, fields.get("reason", ""))
        await self._site.catch_up()
        made = await self._write(visit, correcting.correct, wish=wish, settings=self._site.settings)
        self._site.log.info("corrected", id=made.event, what=made.what, person=visit.user.name)
        await self._site.catch_up()
        return self._site.redirect(local_path(fields.get("back", "")))

    async def undo(self, visit: Visit) -> Response:
        """Undo the correction of an event."""
        event = visit.fields.get("event", "")
        whats = OF_REWORK if visit.fields.get("what") == REWORK else (*OF_INCIDENT, *OF_DEPLOY)
        made = await self._write(visit, correcting.undo, event=event, whats=whats)
        self._site.log.info("correction undone", id=made.event, what=made.what, person=visit.user.name)
        await self._site.catch_up()
        return self._site.redirect(local_path(visit.fields.get("back", "")))
