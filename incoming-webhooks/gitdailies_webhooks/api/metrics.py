"""Figures over HTTP: JSON, CSV and Prometheus, and why each event counts; for keys that may read."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

from gitdailies_core.error_text import got
from gitdailies_server.storage.timestamps import to_us
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.api.metric_formats import CSV, PROMETHEUS, as_csv, as_prometheus
from gitdailies_webhooks.derived import queries
from gitdailies_webhooks.derived.queries import Question
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.selection import DEFAULT_DAYS, Selection, parse_moment, parse_period
from gitdailies_webhooks.figures.settings import FigureSettings

FILTERS = ("repo", "environment", "service", "from", "to", "now")
LISTED, MOST_LISTED = 100, 1000
_CURSOR = re.compile(r"(-?[0-9]{1,18}),([!-~]{1,255})")
_FORMATS = ("json", "csv")


class Metrics:
    """The endpoints of figures."""

    def __init__(
        self,
        store: Store,
        deriver: Deriver,
        clock: Callable[[], datetime],
        key: Callable[[Request], Awaitable[Key]],
    ) -> None:
        self._store = store
        self._deriver = deriver
        self._clock = clock
        self._key = key

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/metrics", self.figures, methods=["GET"]),
            Route("/api/metrics/why", self.why, methods=["GET"]),
            Route("/api/metrics/prometheus", self.prometheus, methods=["GET"]),
        ]

    async def figures(self, request: Request) -> Response:
        """Answer with the five figures."""
        asked = query.parameters(_query(request), (*FILTERS, "format"))
        form = asked.pop("format", "")
        if form not in ("", *_FORMATS):
            raise refusal("request", f"format: expected one of {', '.join(_FORMATS)}, got {got(form)}")
        told = await self._answer(request, asked)
        if (form or _wanted(request)) == "csv":
            return Response(as_csv(told), media_type=CSV)
        return JSONResponse(told)

    async def prometheus(self, request: Request) -> Response:
        """Answer with the five figures as gauges."""
        asked = query.parameters(_query(request), FILTERS)
        return Response(
            as_prometheus(await self._answer(request, asked)), headers={"content-type": PROMETHEUS}
        )

    async def why(self, request: Request) -> Response:
        """List events of the period, or one by its id, with the reasons why they count or not."""
        asked = query.parameters(_query(request), (*FILTERS, "id", "limit", "after"))
        id_ = asked.pop("id", "")
        limit = query.number("limit", asked.pop("limit", str(LISTED)), 1, MOST_LISTED)
        after = cursor(asked.pop("after", ""))
        await self._key(request)
        asking = self._question(asked)
        settings = self._deriver.settings
        if id_:
            one = await self._store.read(
                partial(queries.why_one, selection=asking.selection, settings=settings, id_=id_)
            )
            if one is None:
                raise refusal("not-found", f"id: expected the id of an event, got {got(id_)}")
            return JSONResponse({"events": [one], "next": None})
        told, following = await self._store.read(
            partial(queries.why, question=asking, settings=settings, after=after, limit=limit)
        )
        return JSONResponse({"events": told, "next": f"{following[0]},{following[1]}" if following else None})

    async def _answer(self, request: Request, asked: Mapping[str, str]) -> dict[str, object]:
        await self._key(request)
        asking = self._question(asked)
        await self._deriver.catch_up()
        if asking.live:  # what was derived meanwhile is of a later moment
            asking = self._question(asked)
        return await self._store.read(
            partial(queries.answer, question=asking, settings=self._deriver.settings)
        )

    def _question(self, asked: Mapping[str, str]) -> Question:
        return question(asked, self._deriver.settings, to_us(self._clock()))


def question(
    asked: Mapping[str, str], settings: FigureSettings, now: int, days: int = DEFAULT_DAYS
) -> Question:
    """Read what is asked; without a beginning the period is of so many *days*. Raises Refusal."""
    try:
        at = parse_moment(asked["now"], "now", settings.zone) if asked.get("now") else now
        period = parse_period(asked.get("from", ""), asked.get("to", ""), at, settings.zone, days)
    except ValueError as error:
        raise refusal("request", str(error)) from None
    names = {name: asked.get(name, "") for name in ("repo", "environment", "service")}
    return Question(Selection.make(period, settings, **names), **names, live=not asked.get("now"))


def cursor(text: str) -> tuple[int, str]:
    """Read where a list goes on."""
    if not text:
        return (-(2**62), "")
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise refusal("request", f"after: expected the `next` of the page before, got {got(text)}")
    return int(found[1]), found[2]


def _wanted(request: Request) -> str:
    """Say what the Accept header asks for: CSV where it names it and not JSON."""
    accepted = request.headers.get("accept", "")
    return "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"


def _query(request: Request) -> str:
    return str(request.scope["query_string"], "latin-1")
