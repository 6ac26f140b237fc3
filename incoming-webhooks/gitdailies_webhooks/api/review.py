"""The review of a week over HTTP: JSON, or Markdown for a chat. Its lines can be marked as done.

Keys that may read see it. Keys that may correct decide its lines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from gitdailies_core.error_text import got
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.api.body import read_object
from gitdailies_webhooks.api.endpoints import Endpoints, query_of
from gitdailies_webhooks.derived import review
from gitdailies_webhooks.derived.correcting import checked_reason
from gitdailies_webhooks.derived.review_question import PARAMETERS, review_question
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import acknowledgements, query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.pages.request_context import origin_of
from gitdailies_webhooks.pages.review_view import markdown

FORMATS = ("json", "md")
MARKDOWN = "text/markdown; charset=utf-8"
ACKNOWLEDGEMENT = "/api/review/{line:path}/acknowledgement"


class ReviewApi(Endpoints):
    """The endpoints of the review.

    *authenticate* returns the key of a request, if that may read, and *authenticate_correction*, if that may
    correct.
    """

    def __init__(
        self,
        store: EventStore,
        deriver: Deriver,
        clock: Callable[[], datetime],
        authenticate: Callable[[Request], Awaitable[Key]],
        *,
        authenticate_correction: Callable[[Request], Awaitable[Key]],
        teams: Teams,
        public: str,
    ) -> None:
        super().__init__(store, deriver, clock, authenticate, teams)
        self._authenticate_correction = authenticate_correction
        self._public = public

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/review", self.review, methods=["GET"]),
            Route(ACKNOWLEDGEMENT, self.acknowledge, methods=["PUT"]),
            Route(ACKNOWLEDGEMENT, self.reopen, methods=["DELETE"]),
        ]

    async def review(self, request: Request) -> Response:
        """Return what needs a decision in a week."""
        given = query.parameters(query_of(request), (*PARAMETERS, "format"))
        form = given.pop("format", FORMATS[0])
        if form not in FORMATS:
            raise refusal("request", f"format: expected one of {', '.join(FORMATS)}, got {got(form)}")
        await self._authenticate(request)
        settings = self._deriver.settings
        ask = partial(review_question, given, settings, self._teams)
        ask(self._now())  # a wrong question is refused before the rows are updated
        await self._deriver.catch_up()
        question = ask(self._now())
        found = await self._store.ask(partial(review.answer, question=question, settings=settings))
        if form == "md":
            text = markdown(found, question.week.period.now, settings.zone, origin_of(request, self._public))
            return Response(text, media_type=MARKDOWN)
        return JSONResponse(found)

    async def acknowledge(self, request: Request) -> Response:
        """Mark a line as done; a reason is welcome and not needed."""
        query.refuse_parameters(query_of(request))
        key = await self._authenticate_correction(request)
        reason = (await read_object(request, ("reason",))).get("reason", "")
        line = request.path_params["line"]
        work = partial(
            acknowledgements.acknowledge,
            line=line,
            reason=checked_reason(reason) if reason != "" else "",
            actor=key.name,
            now=self._clock(),
        )
        await self._store.write(work)
        return JSONResponse({"status": "acknowledged", "line": line})

    async def reopen(self, request: Request) -> Response:
        """Open a line again that was marked as done."""
        query.refuse_parameters(query_of(request))
        key = await self._authenticate_correction(request)
        line = request.path_params["line"]
        work = partial(acknowledgements.reopen, line=line, actor=key.name, now=self._clock())
        if not await self._store.write(work):
            raise refusal(
                "not-found",
                f"line: {got(line)} is not marked as done; if a correction decided it, undo that correction",
            )
        return JSONResponse({"status": "reopened", "line": line})
