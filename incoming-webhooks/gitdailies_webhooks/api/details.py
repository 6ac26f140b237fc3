"""One event, one deploy and one incident over HTTP, for keys that may read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gitdailies_core.error_text import got
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.api.endpoints import Endpoints, query_of
from gitdailies_webhooks.derived import detail
from gitdailies_webhooks.derived.question import moment_of
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal

Answer = Callable[..., dict[str, Any] | None]


class DetailsApi(Endpoints):
    """The endpoints of single events; *authenticate* returns the key of a request, if that may read."""

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
        given = query.parameters(query_of(request), ("now",))
        await self._authenticate(request)
        settings = self._deriver.settings
        moment_of(given, settings, self._now())  # a wrong one is refused before the rows are updated
        await self._deriver.catch_up()
        now = moment_of(given, settings, self._now())
        id_ = request.path_params["id"]
        found = await self._store.ask(partial(read, id_=id_, settings=settings, now=now))
        if found is None:
            raise refusal("not-found", f"id: no {what} has the id {got(id_)}")
        return JSONResponse(found)
