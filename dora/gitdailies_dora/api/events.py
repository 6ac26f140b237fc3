"""The endpoints of events: send, list, delete."""

import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import msgspec
from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_core.events.field_types import IDENTIFIER
from gitdailies_core.events.receivers import ID_HEADER
from gitdailies_server.http import permission_to_send
from gitdailies_server.storage.timestamps import text_of_us, to_us
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gitdailies_dora.accounts.keys.webhook_key import Key, without_keys
from gitdailies_dora.accounts.keys.wrong_requests import note_wrong
from gitdailies_dora.api.access import Endpoints, KeyAccess, forbidden, unauthorized
from gitdailies_dora.api.endpoint import (
    ANY_CASE,
    MOMENT,
    TEAM,
    WITH_BODY,
    Parameter,
    endpoint,
    number,
    texts,
    word,
)
from gitdailies_dora.api.json_bodies import json_response, query_of, read_json
from gitdailies_dora.api.middleware import problem_response
from gitdailies_dora.derived.read.answers import EventJson
from gitdailies_dora.derived.read.events import event_filters
from gitdailies_dora.events import intake, query
from gitdailies_dora.events import listing as lists
from gitdailies_dora.events.intake import ListResults, Submission, Taken
from gitdailies_dora.events.listing import StoredEvent, StoreEnd
from gitdailies_dora.events.problem import Problem, of_error, refusal
from gitdailies_dora.events.query import EARLIEST, Listing, Position
from gitdailies_dora.events.reading import cloud_events
from gitdailies_dora.figures.answers.numbers import Time
from gitdailies_dora.operations.installation import Installation

# Decoding a larger body takes milliseconds. It is done in a thread, so that the event loop is not blocked.
_LARGE_BODY_BYTES = 64 * 1024
# The limits for one request and for all: a sender that repeats a mistake does not keep the store busy.
_MOST_NOTED, _MOST_REMEMBERED = 10, 1000
_NOTED_EVERY_SECONDS = 60.0


class Pong(Struct, frozen=True, kw_only=True):
    """The key of a request."""

    status: Literal["ok"] = "ok"
    key: Annotated[str, Meta(description="the key's name")]
    allow: tuple[str, ...]


class ListEnd(Struct, frozen=True, kw_only=True, rename="camel"):
    """What follows the events of a list."""

    next: Annotated[
        str | None,
        Meta(description="the `after` of the next request"),
    ]
    end: Annotated[
        str,
        Meta(description="the `after` of a later request, for what was stored since this list was made"),
    ]
    as_of: Annotated[
        Time | UnsetType,
        Meta(description="with outcome: every event received before this has its outcome"),
    ] = UNSET


class EventList(ListEnd, frozen=True, kw_only=True, rename="camel"):
    """Events with all their fields. It is written event by event."""

    events: tuple[EventJson, ...]


_EMPTY = f"{ANY_CASE}; if empty, events without one"
_LISTED = (
    number("limit", "the largest number of events", query.MOST_LISTED, query.LISTED),
    Parameter(
        "after",
        "the `next` of the page before, or the `end` of an earlier list. A cursor of a time before the store "
        "was restored is refused (410)",
        {"type": "string", "pattern": query.CURSOR},
    ),
    *texts(
        kind="only events of this kind",
        repo=f"only events of this repository, {_EMPTY}",
        environment=f"only events of this environment, {_EMPTY}",
        service=f"only events of this service, {_EMPTY}",
        incidentId="only events of this incident",
    ),
    TEAM,
    word(
        query.OUTCOME,
        "only deploys, or starts of incidents, with this outcome now. `environment` then means where an "
        "event counts; `production` includes all its names",
        *sorted(set().union(*event_filters.OUTCOMES.values())),
    ),
    *texts(
        from_=f"only events that happened at this moment or later: {MOMENT}",
        to="only events that happened before this moment",
        q=f"only events that contain this text anywhere, {ANY_CASE}",
    ),
    word(
        "order",
        "by arrival, or by time: events of one moment by arrival",
        *query.ORDERS,
        default=query.RECEIVED,
    ),
    word(
        "direction",
        "backward: the last event of the order first",
        *query.DIRECTIONS,
        default=query.FORWARD,
    ),
)


class EventApi(Endpoints):
    """The endpoints of events."""

    def __init__(self, here: Installation, access: KeyAccess) -> None:
        super().__init__(here, access)
        self._store, self._log = here.store, here.log
        # A mistake: until when it is not noted again, in seconds of the monotonic clock.
        self._noted: OrderedDict[tuple[int, str, str], float] = OrderedDict()

    @endpoint(
        "OPTIONS /webhooks",
        parameters=(
            Parameter(
                "WebHook-Request-Origin",
                "The name in DNS of the sender.",
                {"type": "string", "pattern": f"^{permission_to_send.ORIGIN}$"},
                "header",
            ),
        ),
        also=("method",),
        public=True,
    )
    async def permit(self, request: Request) -> Response:
        """Answer a sender of CloudEvents that asks whether it may send.

        It may, with a key. The headers name its origin, and as many deliveries as it has.
        """
        permission = permission_to_send.granted(request.headers, "POST")
        if permission is None:
            raise HTTPException(405, headers={"Allow": "POST"})
        return Response(headers=dict(permission))

    @endpoint(
        "POST /webhooks",
        *(Taken, ListResults),
        others={202: (Taken, ListResults), 207: (ListResults,)},
        parameters=(
            Parameter(
                ID_HEADER,
                "The event's id, if the body has none; not allowed with a list.",
                {"type": "string", "maxLength": IDENTIFIER.longest, "pattern": IDENTIFIER.pattern},
                "header",
            ),
            Parameter(
                "validate",
                "Check everything and store nothing. The answer is 200.",
                {"type": "boolean", "default": False},
            ),
        ),
        also=(*WITH_BODY, "forbidden", "conflict", "out-of-order", "invalid"),
    )
    async def send(self, request: Request) -> Response:
        """Send one event, or a list of them.

        The response comes after the events are on stable storage. It is 207 for a list with events that
        were refused.

        * Size: one event has at most 1 MiB. A list has at most 10,000 events in 8 MiB. They are
          accepted one by one, from first to last.
        * An event with a known id is `unchanged` if its content is the same. Else it is a conflict.
        * An id that a sender of ours makes begins with `deploy-`, `incident-` or `content-`, and has
          32 hexadecimal digits. An event with such an id is `unchanged` even if its content is not the
          same. `differs` names the fields.
        * An event with a time and without an id gets an id made of its content. Without both, each
          request stores a new event.
        * `time` lies between the year 2000 and 5 minutes after now. The time of a commit lies between
          the years 1970 and 2199.
        * A name that is close to that of a field, like `environmnet`, is refused. So is an address as
          `repo`.
        """
        check_only = query.validate_only(query_of(request))
        key = await self._access.of(request)
        try:
            return await self._send(request, key, check_only=check_only)
        except GitDailiesError as error:
            if not check_only:
                await self._note_wrong(key, [of_error(error)])
            raise

    async def _send(self, request: Request, key: Key, *, check_only: bool) -> Response:
        if not key.may_send_any():
            raise refusal("forbidden", "key: this key may not send events; use one that may")
        raw = await read_json(request)
        now = self._here.clock()

        def parse() -> Submission:
            return intake.parse(
                cloud_events.unwrap(request.headers, raw),
                key_header=request.headers.get(ID_HEADER, ""),
                forbidden=partial(forbidden, key=key, settings=self._here.figures),
                now=now,
                new_id=partial(_new_id, now),
            )

        is_large = len(raw) > _LARGE_BODY_BYTES
        with self._here.deriver.taking_list() if is_large else nullcontext():
            submission = await self._store.compute(parse) if is_large else parse()
            if check_only:
                outcomes = intake.as_check_results(await self._store.evaluate(submission))
            else:
                accepted = await self._store.accept(submission, key, now)
                if accepted is None:
                    raise unauthorized("one that is unknown, deleted or expired")
                outcomes = accepted
        status, answer = intake.response(submission, outcomes)
        counts = Counter(outcome.status for outcome in outcomes)
        problems = [one.answer for one in outcomes if isinstance(one.answer, Problem)]
        reason = {"reason": problems[0].detail} if problems else {}
        self._log.info("checked" if check_only else "received", key=key.name, **counts, **reason)
        if not check_only:
            for result, number in counts.items():
                self._here.measured.count_events(result, number)
            await self._note_wrong(key, problems)
        if isinstance(answer, Problem):
            return problem_response(answer)
        return json_response(answer, 200 if check_only and status == 202 else status)

    async def _note_wrong(self, key: Key, problems: Sequence[Problem]) -> None:
        """Note what was wrong, for the owners; the same mistake at most once a minute."""
        tick = time.monotonic()
        fresh: dict[tuple[int, str, str], tuple[str, str]] = {}
        for problem in problems:
            mistake = key.id, problem.word, without_keys(problem.detail)
            # A fault of the server is not the sender's mistake, and a deleted key has no page.
            if problem.status >= 500 or problem.status == 401 or len(fresh) == _MOST_NOTED:
                continue
            if tick >= self._noted.get(mistake, tick):
                self._noted[mistake] = tick + _NOTED_EVERY_SECONDS
                fresh[mistake] = (problem.word, mistake[2])
        while len(self._noted) > _MOST_REMEMBERED:
            self._noted.popitem(last=False)
        if fresh:
            note = partial(note_wrong, key_id=key.id, wrong=list(fresh.values()), now=self._here.clock())
            with suppress(StoreUnavailable):
                await self._store.write(note)

    @endpoint("POST /webhooks/ping", Pong)
    async def ping(self, request: Request) -> Response:
        """Confirm key and path; nothing is stored."""
        query.refuse_parameters(query_of(request))
        key = await self._access.of(request)
        await self._store.mark_key_used(key, self._here.clock())
        return json_response(Pong(key=key.name, allow=tuple(sorted(key.allow))))

    @endpoint("GET /api/events", EventList, parameters=_LISTED, also=("gone",))
    async def list_events(self, request: Request) -> Response:
        """List events, by arrival or by time, in either direction.

        For keys that may read. `next` is the `after` of the next request with the same filters, order and
        direction, or null if no more events follow. `end` is the `after` of a later request in the order of
        arrival, for what was stored since this list was made.
        """
        settings = self._here.deriver.settings
        listing = query.listing(query_of(request), settings.zone, settings.renames)
        event_filters.check(listing.wanted, self._here.teams)
        await self._access.key_that_reads(request)
        as_of = ""
        if event_filters.needed(listing.wanted):
            resolve = partial(
                event_filters.resolved, wanted=listing.wanted, teams=self._here.teams, settings=settings
            )
            found = await self._current(lambda: partial(resolve, now=to_us(self._here.clock())))
            listing = replace(listing, wanted=found.wanted)
            as_of = text_of_us(found.as_of) if found.wanted.outcome else ""
        # What is stored meanwhile belongs to a later list, which begins at this end.
        end = await self._store.read(lists.store_end)
        query.refuse_gone(listing, end.epoch, end.last_ever)
        listing = lists.up_to(listing, end.last)
        pages = self._store.pages(listing)
        # The first page is read before the response begins, so that an error can still be a 503.
        first: list[StoredEvent] = await anext(pages, [])
        return StreamingResponse(
            self._stream(listing, first, pages, end, as_of), media_type="application/json"
        )

    async def _stream(
        self,
        listing: Listing,
        page: list[StoredEvent],
        pages: AsyncIterator[list[StoredEvent]],
        end: StoreEnd,
        as_of: str,
    ) -> AsyncIterator[str]:
        yield '{"events":['
        last, count, separator = None, 0, ""
        while page:
            yield separator + ",".join(event.body for event in page)
            last, count, separator = page[-1].position, count + len(page), ","
            page = await anext(pages, [])
        more = count == listing.limit and last is not None and await self._store.has_more(listing, last)
        following = end.cursor(last, listing.wanted.order) if more and last else None
        received = end.cursor(Position(EARLIEST, end.last), query.RECEIVED)
        tail = ListEnd(next=following, end=received, as_of=as_of or UNSET)
        yield "]," + msgspec.json.encode(tail).decode()[1:]


def _new_id(now: datetime) -> str:
    # Ids are in the order of time. Inserting scattered ids costs the store more than anything else.
    return f"event-{to_us(now):014x}-{secrets.token_hex(10)}"
