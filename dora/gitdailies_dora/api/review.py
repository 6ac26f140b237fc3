"""The review of a week over HTTP: JSON, or Markdown for a chat. Its lines can be marked as done.

Keys that may read see it. Keys that may correct decide its lines.
"""

from functools import partial
from typing import Annotated, Literal

from gitdailies_core.error_text import got
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from gitdailies_dora.api.access import Endpoints
from gitdailies_dora.api.endpoint import ANY_CASE, TEAM, endpoint, path_id, texts, word
from gitdailies_dora.api.json_bodies import json_response, query_of, read_object
from gitdailies_dora.derived.correcting import LONGEST_REASON, REASON_PATTERN, checked_reason
from gitdailies_dora.derived.read import review
from gitdailies_dora.derived.read.answers import Review
from gitdailies_dora.derived.read.review_question import PARAMETERS, review_question
from gitdailies_dora.events import query
from gitdailies_dora.events.problem import refusal
from gitdailies_dora.events.records import acknowledgements
from gitdailies_dora.events.records.acknowledgements import LONGEST_LINE
from gitdailies_dora.pages.frame.request_context import origin_of
from gitdailies_dora.pages.overview.review_view import markdown

FORMATS = ("json", "md")
MARKDOWN = "text/markdown; charset=utf-8"


class AcknowledgementBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a line is done; a reason is welcome and not needed."""

    reason: Annotated[
        str,
        Meta(extra_json_schema={"maxLength": LONGEST_REASON, "pattern": f"^$|{REASON_PATTERN}"}),
    ] = ""


class Acknowledged(Struct, frozen=True, kw_only=True):
    """A line of the review that was marked as done, or opened again."""

    status: Literal["acknowledged", "reopened"]
    line: str


_LINE = path_id("the `key` of a line of the review", "line", minLength=1, maxLength=LONGEST_LINE)


class ReviewApi(Endpoints):
    """The endpoints of the review."""

    @endpoint(
        "GET /api/review",
        *(Review, "text/markdown"),
        parameters=(
            *texts(
                week="a week of ISO 8601 like 2026-W47; default: the last whole week",
                repo=f"only this repository, {ANY_CASE}",
            ),
            TEAM,
            word("format", "JSON, or Markdown for a chat", *FORMATS),
        ),
    )
    async def review(self, request: Request) -> Response:
        """List what needs a decision in a week."""
        given = query.parameters(query_of(request), (*PARAMETERS, "format"))
        form = query.one_of("format", given.pop("format", FORMATS[0]), FORMATS)
        await self._access.key_that_reads(request)
        settings = self._here.figures
        ask = partial(review_question, given, settings, self._here.teams)
        found = await self._current(
            lambda: partial(review.answer, question=ask(self._here.now()), settings=settings)
        )
        if form == "md":
            now, origin = ask(self._here.now()).week.period.now, origin_of(request, self._here.public)
            team = self._here.teams.title(found.filter.team) if found.filter.team else ""
            waiting = await self._here.relays.unmapped()
            text = markdown(found, waiting, now, settings.zone, origin, team)
            return Response(text, media_type=MARKDOWN)
        return json_response(found)

    @endpoint(
        "PUT /api/review/{line}/acknowledgement",
        Acknowledged,
        parameters=(_LINE,),
        body=AcknowledgementBody,
        example={"reason": "a new region"},
    )
    async def acknowledge_line(self, request: Request) -> Response:
        """Mark a line of the review as done.

        For keys that may correct. Figures stay as they are. The audit trail keeps it. A reason is welcome
        and not needed.
        """
        key, line = await self._access.key_that_corrects(request), request.path_params["line"]
        given = (await read_object(request, AcknowledgementBody)).reason
        reason = checked_reason(given) if given else ""
        await self._access.write(key, acknowledgements.acknowledge, line=line, reason=reason)
        return json_response(Acknowledged(status="acknowledged", line=line))

    @endpoint("DELETE /api/review/{line}/acknowledgement", Acknowledged, parameters=(_LINE,))
    async def reopen_line(self, request: Request) -> Response:
        """Reopen a line of the review that was marked as done."""
        key, line = await self._access.key_that_corrects(request), request.path_params["line"]
        if not await self._access.write(key, acknowledgements.reopen, line=line):
            raise refusal(
                "not-found",
                f"line: {got(line)} is not marked as done; if a correction decided it, undo that correction",
            )
        return json_response(Acknowledged(status="reopened", line=line))
