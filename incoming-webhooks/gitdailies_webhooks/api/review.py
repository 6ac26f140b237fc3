"""The review of a week over HTTP, for keys that may read: JSON, or Markdown for a chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from gitdailies_core.error_text import got
from gitdailies_server.storage.timestamps import to_us
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.derived import review
from gitdailies_webhooks.derived.question import review_week
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.pages.request_context import origin_of
from gitdailies_webhooks.pages.review_view import markdown

FORMATS = ("json", "md")
MARKDOWN = "text/markdown; charset=utf-8"


class ReviewApi:
    """The endpoint of the review; *authenticate* returns the key of a request, if that may read."""

    def __init__(
        self,
        store: EventStore,
        deriver: Deriver,
        clock: Callable[[], datetime],
        authenticate: Callable[[Request], Awaitable[Key]],
        public: str,
    ) -> None:
        self._store = store
        self._deriver = deriver
        self._clock = clock
        self._authenticate = authenticate
        self._public = public

    def routes(self) -> list[BaseRoute]:
        return [Route("/api/review", self.review, methods=["GET"])]

    async def review(self, request: Request) -> Response:
        """Return what needs a decision in a week."""
        given = query.parameters(str(request.scope["query_string"], "latin-1"), ("week", "format"))
        form = given.pop("format", FORMATS[0])
        if form not in FORMATS:
            raise refusal("request", f"format: expected one of {', '.join(FORMATS)}, got {got(form)}")
        await self._authenticate(request)
        settings = self._deriver.settings
        review_week(given, settings, to_us(self._clock()))  # refused before the rows are updated
        await self._deriver.catch_up()
        week = review_week(given, settings, to_us(self._clock()))
        found = await self._store.ask(partial(review.answer, week=week, settings=settings))
        if form == "md":
            text = markdown(found, settings.zone, origin_of(request, self._public))
            return Response(text, media_type=MARKDOWN)
        return JSONResponse(found)
