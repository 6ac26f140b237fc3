"""The endpoints of events, and the authentication that all endpoints share."""

from __future__ import annotations

import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import orjson
from gitdailies_core.error_text import got
from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_core.events.dialect import ID_HEADER, KEY_HEADER
from gitdailies_core.events.events import Kind
from gitdailies_core.values.times import text_of
from gitdailies_server.http import permission_to_send
from gitdailies_server.storage.timestamps import from_us, to_us
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gitdailies_webhooks.accounts import keys
from gitdailies_webhooks.accounts.keys import Key, without_keys
from gitdailies_webhooks.accounts.rate_limit import KEYS, FailureLimit, network_of
from gitdailies_webhooks.accounts.unknown_keys import UnknownKeys
from gitdailies_webhooks.accounts.wrong_requests import note_wrong
from gitdailies_webhooks.api.body import read_json
from gitdailies_webhooks.api.endpoints import query_of
from gitdailies_webhooks.api.middleware import problem_response
from gitdailies_webhooks.derived import event_filters
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import intake, query
from gitdailies_webhooks.events import listing as lists
from gitdailies_webhooks.events.intake import Submission
from gitdailies_webhooks.events.listing import ListedEvent
from gitdailies_webhooks.events.problem import Problem, Refusal, of_error, refusal
from gitdailies_webhooks.events.query import Listing, Position
from gitdailies_webhooks.events.reading import cloud_events
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.teams import Teams

# Decoding a larger body takes milliseconds. It is done in a thread, so that the event loop is not blocked.
_LARGE_BODY_BYTES = 64 * 1024
# Of one request, and of all: a sender that repeats a mistake all the time does not keep the store busy.
_MOST_NOTED, _MOST_REMEMBERED = 10, 1000
_NOTED_EVERY_SECONDS = 60.0


class EventApi:
    """The endpoints of events, and the authentication that all endpoints share."""

    def __init__(
        self,
        store: EventStore,
        log: Any,
        *,
        clock: Callable[[], datetime],
        kinds: tuple[Kind, ...],
        deriver: Deriver,
        teams: Teams,
        count_events: Callable[[str, int], None] = lambda _result, _number: None,
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._kinds = kinds
        self._deriver = deriver
        self._teams = teams
        self._count_events = count_events
        self._ticks = time.monotonic
        self._failures = FailureLimit(KEYS)
        self.unknown_keys = UnknownKeys()
        # A mistake: until when it is not noted again, in seconds of the monotonic clock.
        self._noted: OrderedDict[tuple[int, str, str], float] = OrderedDict()

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        from gitdailies_webhooks.api.openapi import document

        return document(self._kinds)

    async def permit(self, request: Request) -> Response:
        """Permit a sender of CloudEvents to send, which asks before it sends; it needs a key then."""
        permission = permission_to_send.granted(request.headers, "POST")
        if permission is None:
            raise HTTPException(405, headers={"Allow": "POST"})
        return Response(headers=dict(permission))

    async def receive(self, request: Request) -> Response:
        """Accept one event or a list; a 2xx response comes after the commit was synced."""
        check_only = query.validate_only(query_of(request))
        key = await self._authenticate(request)
        try:
            return await self._receive(request, key, check_only=check_only)
        except GitDailiesError as error:
            if not check_only:
                await self._note_wrong(key, [of_error(error)])
            raise

    async def _receive(self, request: Request, key: Key, *, check_only: bool) -> Response:
        if not key.may_send_any():
            raise refusal("forbidden", "key: this key may not send events; use one that may")
        raw = await read_json(request)
        now = self._clock()

        def parse() -> Submission:
            return intake.parse(
                cloud_events.unwrap(request.headers, raw, self._kinds),
                key_header=request.headers.get(ID_HEADER, ""),
                may_send=key.may_send,
                now=now,
                new_id=partial(_new_id, now),
                kinds=self._kinds,
            )

        is_large = len(raw) > _LARGE_BODY_BYTES
        with self._deriver.taking_list() if is_large else nullcontext():
            submission = await self._store.compute(parse) if is_large else parse()
            if check_only:
                outcomes = intake.as_check_results(await self._store.evaluate(submission))
            else:
                accepted = await self._store.accept(submission, key, now)
                if accepted is None:
                    raise _unauthorized("one that is unknown, deleted or expired")
                outcomes = accepted
        status, content = intake.response(submission, outcomes)
        counts = Counter(outcome.status for outcome in outcomes)
        problems = [outcome.problem for outcome in outcomes if outcome.problem is not None]
        reason = {"reason": problems[0].detail} if problems else {}
        self._log.info("checked" if check_only else "received", key=key.name, **counts, **reason)
        if not check_only:
            for result, number in counts.items():
                self._count_events(result, number)
            await self._note_wrong(key, problems)
        if status in (202, 207):
            return Response(
                orjson.dumps(content),
                200 if check_only and status == 202 else status,
                media_type="application/json",
            )
        return problem_response(problems[0])

    async def _note_wrong(self, key: Key, problems: Sequence[Problem]) -> None:
        """Note what was wrong, for the owners; the same mistake at most once a minute."""
        tick = self._ticks()
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
            note = partial(note_wrong, key_id=key.id, wrong=list(fresh.values()), now=self._clock())
            with suppress(StoreUnavailable):
                await self._store.write(note)

    async def ping(self, request: Request) -> Response:
        """Confirm key and path, and store nothing."""
        query.refuse_parameters(query_of(request))
        key = await self._authenticate(request)
        await self._store.mark_key_used(key, self._clock())
        return JSONResponse({"status": "ok", "key": key.name, "allow": sorted(key.allow)})

    async def list_events(self, request: Request) -> Response:
        """List events as a stream, those that were received or happened first, or last, at the beginning."""
        settings = self._deriver.settings
        listing = query.listing(query_of(request), self._kinds, settings.zone)
        event_filters.check(listing.wanted, self._teams)
        await self.key_that_reads(request)
        as_of = ""
        if event_filters.needed(listing.wanted):
            await self._deriver.catch_up()
            found = await self._store.ask(
                partial(
                    event_filters.resolved,
                    wanted=listing.wanted,
                    teams=self._teams,
                    settings=settings,
                    now=to_us(self._clock()),
                )
            )
            listing = replace(listing, wanted=found.wanted)
            as_of = text_of(from_us(found.as_of)) if found.wanted.outcome else ""
        # What is stored meanwhile belongs to a later list, which begins at this end.
        end = await self._store.read(lists.last_number)
        listing = lists.up_to(listing, end)
        pages = self._store.pages(listing)
        # The first page is read before the response begins, so that an error can still be a 503.
        first: list[ListedEvent] = await anext(pages, [])
        return StreamingResponse(
            self._stream(listing, first, pages, end, as_of), media_type="application/json"
        )

    async def delete(self, request: Request) -> Response:
        """Delete one event; the audit trail keeps a copy."""
        query.refuse_parameters(query_of(request))
        key = await self._authenticate(request)
        if not key.may_delete():
            raise refusal("forbidden", "key: this key may not delete events; create one with --allow delete")
        id_ = request.path_params["id"]
        if not await self._store.delete(id_, actor=key.name, now=self._clock()):
            raise refusal("not-found", f"id: no event has the id {got(id_)}")
        self._log.info("deleted", id=id_, key=key.name)
        return JSONResponse({"status": "deleted", "id": id_})

    async def document(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return JSONResponse(self.openapi)

    async def index(self, _: Request) -> Response:
        """Return the paths of the API."""
        return JSONResponse(
            {
                "this": "GitDailies incoming webhooks",
                "send": "POST /webhooks",
                "try": "POST /webhooks/ping",
                "read": "GET /api/events",
                "document": "GET /openapi.json",
                "documentForPeople": "GET /docs",
            }
        )

    async def key_that_reads(self, request: Request) -> Key:
        """Return the key of a request that reads, and record its use; raises Refusal."""
        key = await self._authenticate(request)
        if not key.may_read():
            raise refusal("forbidden", "key: this key may not read; create one with --allow read")
        with suppress(StoreUnavailable):  # reading works while the disk is full
            await self._store.mark_key_used(key, self._clock())
        return key

    async def key_that_corrects(self, request: Request) -> Key:
        """Return the key of a request that corrects, and record its use; raises Refusal."""
        key = await self._authenticate(request)
        if not key.may_correct():
            raise refusal("forbidden", "key: this key may not correct; create one with --allow correct")
        await self._store.mark_key_used(key, self._clock())
        return key

    async def _authenticate(self, request: Request) -> Key:
        """Return the valid key of a request; raises Refusal.

        Requests without a valid key are limited by address. Requests with a valid key never are.
        """
        try:
            return await self._valid_key(request)
        except Refusal as wrong:
            address = network_of("" if request.client is None else request.client.host)
            tick = self._ticks()
            if wait := self._failures.wait_seconds(address, tick):
                raise refusal(
                    "too-many",
                    "too many requests without a valid key from this address",
                    Retry_After=str(math.ceil(wait)),
                ) from None
            self._failures.record(address, tick)
            self.unknown_keys.note(address, without_keys(wrong.problem.detail), self._clock())
            raise

    async def _valid_key(self, request: Request) -> Key:
        given = _keys_given(request)
        if not given:
            raise _unauthorized("nothing")
        if not all(keys.well_formed(text) for text in given):
            raise _unauthorized("text that is not a key; check that it was copied completely")
        if len(given) > 1:
            raise refusal("request", f"{KEY_HEADER}: this request has two keys; send one of them")
        key = await self._store.find_key(keys.hash_of(given[0]))
        if key is None or not key.is_valid(self._clock()):
            raise _unauthorized("one that is unknown, deleted or expired")
        return key

    async def _stream(
        self,
        listing: Listing,
        page: list[ListedEvent],
        pages: AsyncIterator[list[ListedEvent]],
        end: int,
        as_of: str,
    ) -> AsyncIterator[str]:
        yield '{"events":['
        last, count, separator = None, 0, ""
        while page:
            yield separator + ",".join(event.body for event in page)
            last, count, separator = page[-1].position, count + len(page), ","
            page = await anext(pages, [])
        more = count == listing.limit and last is not None and await self._store.has_more(listing, last)
        following = _cursor(listing.wanted.order, last) if more and last else "null"
        derived = f',"asOf":"{as_of}"' if as_of else ""
        yield f'],"next":{following},"end":{end}{derived}}}'


def _keys_given(request: Request) -> list[str]:
    """Return the keys of a request, from our header and from Bearer tokens; the same key in both is one."""
    ours = request.headers.getlist(KEY_HEADER)
    pairs = (text.partition(" ") for text in request.headers.getlist("authorization"))
    tokens = [token.strip() for scheme, _, token in pairs if scheme.lower() == "bearer"]
    return [*ours, *(token for token in tokens if token not in ours)]


def _cursor(order: str, position: Position) -> str:
    """Return the cursor of the next page, as JSON: a number in the order of arrival, else a text."""
    text = position.text(order)
    return text if order == query.RECEIVED else f'"{text}"'


def _new_id(now: datetime) -> str:
    # Ids are in the order of time. Inserting scattered ids costs the store more than anything else.
    return f"event-{to_us(now):014x}-{secrets.token_hex(10)}"


def _unauthorized(found: str) -> Refusal:
    return refusal(
        "unauthorized",
        f"{KEY_HEADER}: expected a valid key in this header or as a Bearer token, got {found}",
        WWW_Authenticate="WebhookKey, Bearer",
    )
