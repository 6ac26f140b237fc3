"""Corrections over HTTP, for keys that may correct: the cause of an incident, the outcome of a deploy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gitdailies_core.error_text import got
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.api.body import read_object
from gitdailies_webhooks.api.endpoints import Endpoints, query_of
from gitdailies_webhooks.derived import correcting
from gitdailies_webhooks.derived.correcting import Wish
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.figures.corrections import DEPLOY, NO_DEPLOY, NOT_AN_INCIDENT, OF_DEPLOY


class CorrectionsApi(Endpoints):
    """The endpoints of corrections; *authenticate* returns the key of a request, if that may correct."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/incidents/{id:path}/cause", self.set_cause, methods=["PUT"]),
            Route("/api/incidents/{id:path}/cause", self.undo_cause, methods=["DELETE"]),
            Route("/api/incidents/{id:path}/dismissal", self.dismiss, methods=["PUT"]),
            Route("/api/incidents/{id:path}/dismissal", self.undo_dismissal, methods=["DELETE"]),
            Route("/api/deploys/{id:path}/outcome", self.set_outcome, methods=["PUT"]),
            Route("/api/deploys/{id:path}/outcome", self.undo_outcome, methods=["DELETE"]),
        ]

    async def set_cause(self, request: Request) -> Response:
        """Attribute an incident to a deploy, or to none."""

        def wish(id_: str, body: dict[str, Any]) -> Wish:
            deploy = body.get("deploy")
            if "deploy" not in body or not (deploy is None or isinstance(deploy, str)):
                raise refusal("request", f"deploy: expected the id of a deploy or null, got {got(deploy)}")
            return Wish(id_, NO_DEPLOY if deploy is None else DEPLOY, deploy, body.get("reason", ""))

        return await self._correct(request, ("deploy", "reason"), wish)

    async def dismiss(self, request: Request) -> Response:
        """Say that an occurrence is no incident."""
        return await self._correct(
            request, ("reason",), lambda id_, body: Wish(id_, NOT_AN_INCIDENT, None, body.get("reason", ""))
        )

    async def set_outcome(self, request: Request) -> Response:
        """Say that a deploy failed, or did not."""

        def wish(id_: str, body: dict[str, Any]) -> Wish:
            outcome = body.get("outcome")
            if outcome not in OF_DEPLOY:
                words = ", ".join(OF_DEPLOY)
                raise refusal("request", f"outcome: expected one of {words}, got {got(outcome)}")
            return Wish(id_, outcome, None, body.get("reason", ""))

        return await self._correct(request, ("outcome", "reason"), wish)

    async def undo_cause(self, request: Request) -> Response:
        """Attribute an incident again as its events tell."""
        return await self._undo(request, (DEPLOY, NO_DEPLOY))

    async def undo_dismissal(self, request: Request) -> Response:
        """Count an occurrence again."""
        return await self._undo(request, (NOT_AN_INCIDENT,))

    async def undo_outcome(self, request: Request) -> Response:
        """Judge a deploy again as events tell."""
        return await self._undo(request, OF_DEPLOY)

    async def _correct(
        self, request: Request, names: Sequence[str], wish: Callable[[str, dict[str, Any]], Wish]
    ) -> Response:
        query.refuse_parameters(query_of(request))
        key = await self._authenticate(request)
        wished = wish(request.path_params["id"], await read_object(request, names))
        await self._deriver.catch_up()
        work = partial(
            correcting.correct,
            wish=wished,
            settings=self._deriver.settings,
            actor=key.name,
            now=self._clock(),
        )
        made = await self._store.write(work)
        return JSONResponse({"status": "corrected", "id": made.event, "what": made.what})

    async def _undo(self, request: Request, whats: Sequence[str]) -> Response:
        query.refuse_parameters(query_of(request))
        key = await self._authenticate(request)
        work = partial(
            correcting.undo,
            event=request.path_params["id"],
            whats=whats,
            actor=key.name,
            now=self._clock(),
        )
        made = await self._store.write(work)
        return JSONResponse({"status": "undone", "id": made.event, "what": made.what})
