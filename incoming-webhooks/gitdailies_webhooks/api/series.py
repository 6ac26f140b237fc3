"""Series over HTTP, for keys that may read: JSON, CSV and Markdown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from gitdailies_core.error_text import got
from gitdailies_server.storage.database import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.api.endpoints import Endpoints, query_of
from gitdailies_webhooks.api.metric_formats import PROMETHEUS
from gitdailies_webhooks.api.series_gauges import as_gauges
from gitdailies_webhooks.derived.answer_cache import AnswerCache
from gitdailies_webhooks.derived.series.answer import answer, version
from gitdailies_webhooks.derived.series.question import REPEATED, SINGLE, Asked, asked
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import query
from gitdailies_webhooks.events.problem import refusal
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.pages.conditional import matches
from gitdailies_webhooks.pages.series_formats import FORMS, write

PROMETHEUS_FORM = "prometheus"
_FORMS = (*FORMS, PROMETHEUS_FORM)


class _Written(NamedTuple):
    """An answer as it is sent, and its version."""

    body: bytes
    media_type: str
    version: str


def _written(session: Session, asked: Asked, settings: FigureSettings, form: str) -> _Written:
    """Answer and write: a long answer takes as long to write as to make, and must not hold up intake."""
    body = answer(session, asked.question, settings, limit=asked.limit, after=asked.after)
    if form != PROMETHEUS_FORM:
        return _Written(*write(body, form), version(body))
    if body["next"] is not None:
        raise refusal(
            "request",
            f"limit: expected at most {asked.limit:,} groups, got more; a scrape has no pages, so choose"
            " fewer repositories, teams or services, or a larger limit",
        )
    return _Written(as_gauges(body), PROMETHEUS, version(body))


class SeriesApi(Endpoints):
    """The endpoint of series; *authenticate* returns the key of a request, if that may read."""

    def __init__(
        self,
        store: EventStore,
        deriver: Deriver,
        clock: Callable[[], datetime],
        authenticate: Callable[[Request], Awaitable[Key]],
        teams: Teams,
    ) -> None:
        super().__init__(store, deriver, clock, authenticate, teams)
        self._answers = AnswerCache(store, clock, lambda written: len(written.body))

    def routes(self) -> list[BaseRoute]:
        return [Route("/api/metrics/series", self.series, methods=["GET"])]

    async def series(self, request: Request) -> Response:
        """Return the figures of groups over time, or 304 if the client has them."""
        given = query.repeated_parameters(query_of(request), (*SINGLE, *REPEATED, "format"))
        for name, values in given.items():
            if len(values) > 1 and name not in REPEATED:
                raise refusal("request", f"{name}: given twice; give it once")
        form = given.pop("format", ["json"])[0]
        if form not in _FORMS:
            raise refusal("request", f"format: expected one of {', '.join(_FORMS)}, got {got(form)}")
        await self._authenticate(request)
        found = self._asked(given)
        await self._deriver.catch_up()
        if found.live:  # the rows may now include events later than the first moment
            found = self._asked(given)
        asked_for = form, *((name, tuple(values)) for name, values in sorted(given.items()))
        written = await self._answers.ask(
            asked_for, partial(_written, asked=found, settings=self._deriver.settings, form=form)
        )
        headers = {"etag": f'W/"{form}-{written.version}"', "cache-control": "private, no-cache"}
        if matches(request.headers.get("if-none-match", ""), headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(written.body, headers={**headers, "content-type": written.media_type})

    def _asked(self, given: dict[str, list[str]]) -> Asked:
        return asked(given, self._deriver.settings, self._teams, self._now())
