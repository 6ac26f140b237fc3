"""Figures over HTTP, for keys that may read, in several forms, and why each event counts or not."""

import re
from collections.abc import Mapping
from functools import partial

from gitdailies_core.error_text import got
from gitdailies_server.storage.database import Session
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_dora.api.access import Endpoints
from gitdailies_dora.api.endpoint import (
    ANY_CASE,
    NEXT,
    NOW,
    PERIOD,
    TEAM,
    Parameter,
    endpoint,
    number,
    texts,
    word,
)
from gitdailies_dora.api.gauges import PROMETHEUS, as_gauges, series_as_gauges
from gitdailies_dora.api.json_bodies import json_response, query_of
from gitdailies_dora.derived.read.answers import JudgedEvents
from gitdailies_dora.derived.read.events import judged_events
from gitdailies_dora.derived.read.figures import answer, series_question
from gitdailies_dora.derived.read.figures.answer import of_groups, version
from gitdailies_dora.derived.read.figures.series_question import REPEATED, SINGLE, Asked, asked
from gitdailies_dora.derived.read.question import FILTERS, Question, question
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.events.query import TEXT
from gitdailies_dora.figures.answers.report import FiguresAnswer, SeriesAnswer
from gitdailies_dora.figures.answers.selection import DEFAULT_DAYS
from gitdailies_dora.figures.answers.series import (
    DIMENSIONS,
    LONGEST_ROLLING,
    MOST_DIMENSIONS,
    SHORTEST_ROLLING,
)
from gitdailies_dora.figures.answers.trend import INTERVALS
from gitdailies_dora.figures.history.settings import DEFINITIONS, FigureSettings
from gitdailies_dora.pages.frame.conditional import matches
from gitdailies_dora.pages.overview.formats import CSV, FORMS, as_csv, write

# Events that `why` lists, unless told otherwise, and at most.
LISTED, MOST_LISTED = 100, 1000
PROMETHEUS_FORM = "prometheus"
_SERIES_FORMS = (*FORMS, PROMETHEUS_FORM)
_CURSOR = re.compile(r"(-?[0-9]{1,18}),([!-~]{1,255})")
_FORMATS = ("json", "csv")

_FILTERS = (
    *texts(
        repo=f"only this repository, {ANY_CASE}; default: all of them",
        environment="this environment; default: production under all its names",
        service=f"only events that name this service, {ANY_CASE}",
    ),
    *(TEAM, *PERIOD, NOW),
)


def _written(session: Session, asked: Asked, settings: FigureSettings, form: str) -> tuple[bytes, str, str]:
    """Answer and write: a long answer takes as long to write as to make, and must not hold up intake.

    Returns the answer as it is sent, its media type and its version.
    """
    body = of_groups(session, asked.question, settings, limit=asked.limit, after=asked.after)
    if form != PROMETHEUS_FORM:
        return *write(body, form), version(body)
    if body.next is not None:
        raise refusal(
            "request",
            f"limit: expected at most {asked.limit:,} groups, got more; a scrape has no pages, so choose"
            " fewer repositories, teams or services, or a larger limit",
        )
    return series_as_gauges(body), PROMETHEUS, version(body)


_DIMENSION = f"({'|'.join(DIMENSIONS)})"
_SERIES_PARAMETERS = (
    Parameter(
        "by",
        f"what the groups are, at most {MOST_DIMENSIONS} names with a comma between them",
        {"type": "string", "pattern": f"^({series_question.NONE}|{_DIMENSION}(,{_DIMENSION})?)?$"},
    ),
    word(
        "interval",
        "the length of buckets, by the server's time zone; weeks begin on Monday",
        *(series_question.NONE, *INTERVALS),
        default=series_question.NONE,
    ),
    *(*PERIOD, NOW),
    number("days", "the length of the period, if from is not given", series_question.MOST_DAYS, DEFAULT_DAYS),
    *(
        Parameter(one.name, f"{one.about}; may be repeated", {"type": "array", "items": dict(TEXT)})
        for one in _FILTERS
        if one.name in REPEATED
    ),
    word("compare", "compare with the period before", series_question.BEFORE),
    word(
        "rolling",
        "add the figures of 2 to 13 weeks up to the end of each bucket; it needs an interval",
        *(f"{weeks}w" for weeks in range(SHORTEST_ROLLING, LONGEST_ROLLING + 1)),
    ),
    number("limit", "the largest number of groups", series_question.MOST_LISTED, series_question.LISTED),
    NEXT,
    word(
        "format",
        "form of the response; prometheus has the totals as gauges",
        *_SERIES_FORMS,
        default="json",
    ),
)


class FiguresApi(Endpoints):
    """The endpoints of figures."""

    @endpoint(
        "GET /api/metrics",
        *(FiguresAnswer, "text/csv"),
        parameters=(*_FILTERS, word("format", "form of the response; overrides Accept", *_FORMATS)),
    )
    async def figures(self, request: Request) -> Response:
        """Five figures, with their counts."""
        parameters = query.parameters(query_of(request), (*FILTERS, "format"))
        accepted = request.headers.get("accept", "")
        default = "csv" if "text/csv" in accepted and "application/json" not in accepted else "json"
        form = query.one_of("format", parameters.pop("format", default), _FORMATS)
        report = await self._report(request, parameters)
        if form == "csv":
            return Response(as_csv(report), media_type=CSV)
        return json_response(report)

    @endpoint("GET /api/metrics/prometheus", "text/plain", parameters=_FILTERS)
    async def prometheus(self, request: Request) -> Response:
        """The five figures as gauges, for Prometheus: text format 0.0.4, without the nulls."""
        report = await self._report(request, query.parameters(query_of(request), FILTERS))
        return Response(as_gauges(report), headers={"content-type": PROMETHEUS})

    @endpoint(
        "GET /api/metrics/why",
        JudgedEvents,
        parameters=(
            *_FILTERS,
            *texts(id="only this event, whenever it happened"),
            number("limit", "the largest number of events", MOST_LISTED, LISTED),
            NEXT,
        ),
        also=("not-found",),
    )
    async def why(self, request: Request) -> Response:
        """Events of the period, each with the reason why it counts or not."""
        parameters = query.parameters(query_of(request), (*FILTERS, "id", "limit", "after"))
        id_ = parameters.pop("id", "")
        limit = query.number("limit", parameters.pop("limit", str(LISTED)), 1, MOST_LISTED)
        after = cursor(parameters.pop("after", ""))
        await self._access.key_that_reads(request)
        settings = self._here.figures
        if id_:
            one = await self._current(
                lambda: partial(
                    judged_events.why_one,
                    selection=self._question(parameters).selection,
                    settings=settings,
                    id_=id_,
                )
            )
            if one is None:
                raise refusal("not-found", f"id: no event has the id {got(id_)}")
            return json_response(JudgedEvents(definitions=DEFINITIONS, events=(one,), next=None))
        listed = partial(judged_events.why, settings=settings, after=after, limit=limit)
        events, following = await self._current(lambda: partial(listed, question=self._question(parameters)))
        next_ = f"{following[0]},{following[1]}" if following else None
        return json_response(JudgedEvents(definitions=DEFINITIONS, events=tuple(events), next=next_))

    async def _report(self, request: Request, parameters: Mapping[str, str]) -> FiguresAnswer:
        await self._access.key_that_reads(request)
        answered = partial(answer.of_selection, settings=self._here.figures)
        return await self._current(lambda: partial(answered, question=self._question(parameters)))

    def _question(self, parameters: Mapping[str, str]) -> Question:
        return question(parameters, self._here.figures, self._here.now(), teams=self._here.teams)

    @endpoint(
        "GET /api/metrics/series",
        *(SeriesAnswer, "text/csv", "text/plain", "text/markdown"),
        others={304: ()},
        parameters=_SERIES_PARAMETERS,
    )
    async def series(self, request: Request) -> Response:
        """Five figures of each team, repository, service or environment, over time.

        At most 20,000 groups times buckets, and fewer with rolling. Groups are those with an event in the
        period. With compare, `change` says whether a figure differs clearly from the period before: by 99 %
        for one comparison, and for all groups and figures together. The answer has an `ETag` for
        If-None-Match.
        """
        given = query.repeated_parameters(query_of(request), (*SINGLE, *REPEATED, "format"), REPEATED)
        form = query.one_of("format", given.pop("format", ["json"])[0], _SERIES_FORMS)
        await self._access.key_that_reads(request)
        here = self._here
        written = partial(_written, settings=here.figures, form=form)
        body, media_type, version = await self._current(
            lambda: partial(written, asked=asked(given, here.figures, here.teams, here.now()))
        )
        headers = {"etag": f'W/"{form}-{version}"', "cache-control": "private, no-cache"}
        if matches(request.headers.get("if-none-match", ""), headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, headers={**headers, "content-type": media_type})


def cursor(text: str) -> tuple[int, str]:
    """Read the cursor of a page of `why`: time and id of the last event before it; raises Refusal."""
    if not text:
        return (-(2**62), "")
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise refusal("request", f"after: expected the `next` of the page before, got {got(text)}")
    return int(found[1]), found[2]
