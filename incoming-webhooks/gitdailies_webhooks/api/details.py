"""One event, one deploy and one incident over HTTP, for keys that may read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_core.error_text import got
from gitdailies_server.storage.timestamps import to_us
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.derived import detail
from gitdailies_webhooks.derived.question import moment_of
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.events.store import EventStore

Answer = Callable[..., dict[str, Any] | None]


class DetailsApi:
    """The endpoints of single events; *authenticate* returns the key of a request, if that may read."""

    def __init__(
        self,
        store: EventStore,
        deriver: Deriver,
        clock: Callable[[], datetime],
        authenticate: Callable[[Request], Awaitable[Key]],
    ) -> None:
        self._store = store
        self._deriver = deriver
        self._clock = clock
        self._authenticate = authenticate

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/events/{id:path}", self.event, methods=["GET"]),
            Route("/api/deploys/{id:path}", self.deploy, methods=["GET"]),
            Route("/api/incidents/{id:path}", self.incident, methods=["GET"]),
        ]

    async def event(self, request: Request) -> Response:
        """Return an event with its verdicts and what is related to it."""
        return await self._answer(request, detail.event, "event")

    async def deploy(self, request: Request) -> Response:
        """Return a deploy with its commits, outcome and timeline."""
        return await self._answer(request, detail.deploy, "deploy")

    async def incident(self, request: Request) -> Response:
        """Return an incident with its attribution and timeline."""
        return await self._answer(request, detail.incident, "incident")

    async def _answer(self, request: Request, read: Answer, what: str) -> Response:
        given = query.parameters(str(request.scope["query_string"], "latin-1"), ("now",))
        await self._authenticate(request)
        settings = self._deriver.settings
        moment_of(given, settings, to_us(self._clock()))  # a wrong one is refused before the rows are updated
        await self._deriver.catch_up()
        now = moment_of(given, settings, to_us(self._clock()))
        id_ = request.path_params["id"]
        found = await self._store.ask(partial(read, id_=id_, settings=settings, now=now))
        if found is None:
            raise refusal("not-found", f"id: no {what} has the id {got(id_)}")
        return JSONResponse(found)
