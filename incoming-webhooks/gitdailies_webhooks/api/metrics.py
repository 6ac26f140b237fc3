"""Figures over HTTP, for keys that may read: JSON, CSV, Prometheus, and why each event counts or not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from gitdailies_core.error_text import got
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.api.endpoints import Endpoints, query_of
from gitdailies_webhooks.api.metric_formats import PROMETHEUS, as_csv, as_prometheus
from gitdailies_webhooks.derived import queries
from gitdailies_webhooks.derived.question import FILTERS, Question, question
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.figures.settings import DEFINITIONS
from gitdailies_webhooks.pages.series_formats import CSV

LISTED, MOST_LISTED = 100, 1000
_CURSOR = re.compile(r"(-?[0-9]{1,18}),([!-~]{1,255})")
_FORMATS = ("json", "csv")


class MetricsApi(Endpoints):
    """The endpoints of figures; *authenticate* returns the key of a request, if that may read."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/metrics", self.figures, methods=["GET"]),
            Route("/api/metrics/why", self.why, methods=["GET"]),
            Route("/api/metrics/prometheus", self.prometheus, methods=["GET"]),
        ]

    async def figures(self, request: Request) -> Response:
        """Return the five figures as JSON or CSV."""
        parameters = query.parameters(query_of(request), (*FILTERS, "format"))
        form = parameters.pop("format", None)
        if form not in (None, *_FORMATS):
            raise refusal("request", f"format: expected one of {', '.join(_FORMATS)}, got {got(form)}")
        report = await self._report(request, parameters)
        if (form or _accepted_format(request)) == "csv":
            return Response(as_csv(report), media_type=CSV)
        return JSONResponse(report)

    async def prometheus(self, request: Request) -> Response:
        """Return the five figures as gauges."""
        report = await self._report(request, query.parameters(query_of(request), FILTERS))
        return Response(as_prometheus(report), headers={"content-type": PROMETHEUS})

    async def why(self, request: Request) -> Response:
        """List events of the period, or one by its id, with the reasons why they count or not."""
        parameters = query.parameters(query_of(request), (*FILTERS, "id", "limit", "after"))
        id_ = parameters.pop("id", "")
        limit = query.number("limit", parameters.pop("limit", str(LISTED)), 1, MOST_LISTED)
        after = cursor(parameters.pop("after", ""))
        await self._authenticate(request)
        question_ = self._question(parameters)
        await self._deriver.catch_up()
        settings = self._deriver.settings
        if id_:
            one = await self._store.ask(
                partial(queries.why_one, selection=question_.selection, settings=settings, id_=id_)
            )
            if one is None:
                raise refusal("not-found", f"id: no event has the id {got(id_)}")
            return JSONResponse({"definitions": DEFINITIONS, "events": [one], "next": None})
        events, following = await self._store.ask(
            partial(queries.why, question=question_, settings=settings, after=after, limit=limit)
        )
        next_ = f"{following[0]},{following[1]}" if following else None
        return JSONResponse({"definitions": DEFINITIONS, "events": events, "next": next_})

    async def _report(self, request: Request, parameters: Mapping[str, str]) -> dict[str, object]:
        await self._authenticate(request)
        question_ = self._question(parameters)
        await self._deriver.catch_up()
        if question_.live:  # the rows may now include events later than the first moment
            question_ = self._question(parameters)
        return await self._store.ask(
            partial(queries.answer, question=question_, settings=self._deriver.settings)
        )

    def _question(self, parameters: Mapping[str, str]) -> Question:
        return question(parameters, self._deriver.settings, self._now(), teams=self._teams)


def cursor(text: str) -> tuple[int, str]:
    """Read the cursor of a page of `why`: time and id of the last event before it; raises Refusal."""
    if not text:
        return (-(2**62), "")
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise refusal("request", f"after: expected the `next` of the page before, got {got(text)}")
    return int(found[1]), found[2]


def _accepted_format(request: Request) -> str:
    """Return "csv" if the Accept header names CSV and not JSON, else "json"."""
    accepted = request.headers.get("accept", "")
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"
