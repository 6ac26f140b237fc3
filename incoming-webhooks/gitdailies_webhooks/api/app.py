"""The receiver over HTTP: the application with its routes, and the endpoints of events."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_connection.addresses import Network
from gitdailies_core.error_text import got
from gitdailies_core.errors import GitDailiesError, StoreUnavailable
from gitdailies_core.events.dialect import ID_HEADER, KEY_HEADER
from gitdailies_core.events.events import KINDS, Kind
from gitdailies_server.storage.timestamps import to_us, utc_now
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from gitdailies_webhooks.accounts import keys
from gitdailies_webhooks.accounts.keys import Key
from gitdailies_webhooks.accounts.rate_limit import KEYS, FailureLimit, network_of
from gitdailies_webhooks.api import openapi
from gitdailies_webhooks.api.body import read_json
from gitdailies_webhooks.api.error_responses import ErrorResponses, is_browser
from gitdailies_webhooks.api.metrics import MetricsApi
from gitdailies_webhooks.api.middleware import ClientAddress, Guard, problem_response
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import cloud_events, intake, query
from gitdailies_webhooks.events.problem import Refusal, refusal
from gitdailies_webhooks.events.queries import ListedEvent
from gitdailies_webhooks.events.query import Listing
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.pages.routes import routes
from gitdailies_webhooks.pages.site import Site

# Decoding a larger body takes milliseconds. It is done in a thread, so that the event loop is not blocked.
_LARGE_BODY_BYTES = 64 * 1024


def create_app(
    store: EventStore,
    log: Any,
    *,
    clock: Callable[[], datetime] = utc_now,
    kinds: tuple[Kind, ...] = KINDS,
    public: str = "",
    deriver: Deriver | None = None,
    trusted_proxies: Sequence[Network] = (),
) -> Starlette:
    """Return the application that serves *store*.

    *public* is the address of a proxy in front of it, or "". The client address that *trusted_proxies*
    report is believed.
    """
    events = EventApi(store, log, clock=clock, kinds=kinds)
    deriver = deriver or Deriver(store, FigureSettings(), clock, log)
    metrics = MetricsApi(store, deriver, clock, events.key_that_reads)
    site = Site(store, log, clock, public, deriver.settings, deriver.catch_up)
    errors = ErrorResponses(site, log)
    app = Starlette(
        routes=[
            Route("/", events.index, methods=["GET"]),
            Route("/healthz", events.health, methods=["GET"]),
            Route("/openapi.json", events.document, methods=["GET"]),
            Route("/webhooks", events.receive, methods=["POST"]),
            Route("/webhooks/ping", events.ping, methods=["POST"]),
            Route("/api/events", events.list_events, methods=["GET"]),
            Route("/api/events/{id:path}", events.delete, methods=["DELETE"]),
            *metrics.routes(),
            *routes(site),
        ],
        middleware=[
            Middleware(ClientAddress, trusted=trusted_proxies),
            Middleware(Guard, log=log, respond=errors.respond, secure=site.secure),
        ],
        exception_handlers={
            GitDailiesError: errors.for_our_error,
            HTTPException: errors.for_router_error,
        },
    )
    # Half of the clients would lose the body of a request that is redirected. It gets an error instead.
    app.router.redirect_slashes = False
    return app


class EventApi:
    """The endpoints of events, and the authentication that all endpoints share."""

    def __init__(
        self, store: EventStore, log: Any, *, clock: Callable[[], datetime], kinds: tuple[Kind, ...]
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._kinds = kinds
        self._ticks = time.monotonic
        self._failures = FailureLimit(KEYS)
        self._document = openapi.document(kinds)

    async def receive(self, request: Request) -> Response:
        """Accept one event or a list; a 2xx response comes after the commit was synced."""
        check_only = query.validate_only(_query(request))
        key = await self._authenticate(request)
        if not key.may_send_any():
            raise refusal("forbidden", "key: this key may not send events; use one that may")
        body = cloud_events.unwrap(request.headers, await read_json(request), self._kinds)
        now = self._clock()
        parse = partial(
            intake.parse,
            body,
            key_header=request.headers.get(ID_HEADER, ""),
            may_send=key.may_send,
            now=now,
            new_id=partial(_new_id, now),
            kinds=self._kinds,
        )
        submission = await asyncio.to_thread(parse) if len(body) > _LARGE_BODY_BYTES else parse()
        if check_only:
            outcomes = intake.as_check_results(await self._store.evaluate(submission))
        else:
            accepted = await self._store.accept(submission, key, now)
            if accepted is None:
                raise _unauthorized("one that is unknown, deleted or expired")
            outcomes = accepted
        status, content = intake.response(submission, outcomes)
        self._log_outcomes(key, outcomes, check_only=check_only)
        if status in (202, 207):
            return JSONResponse(content, 200 if check_only and status == 202 else status)
        return problem_response(next(o.problem for o in outcomes if o.problem is not None))

    async def ping(self, request: Request) -> Response:
        """Confirm key and path, and store nothing."""
        query.refuse_parameters(_query(request))
        key = await self._authenticate(request)
        await self._store.mark_key_used(key, self._clock())
        return JSONResponse({"status": "ok", "key": key.name, "allow": sorted(key.allow)})

    async def list_events(self, request: Request) -> Response:
        """List events as a stream, oldest received first."""
        listing = query.listing(_query(request), self._kinds)
        await self.key_that_reads(request)
        pages = self._store.pages(listing)
        # The first page is read before the response begins, so that an error can still be a 503.
        first: list[ListedEvent] = await anext(pages, [])
        return StreamingResponse(self._stream(listing, first, pages), media_type="application/json")

    async def delete(self, request: Request) -> Response:
        """Delete one event; the audit trail keeps a copy."""
        query.refuse_parameters(_query(request))
        key = await self._authenticate(request)
        if not key.may_delete():
            raise refusal("forbidden", "key: this key may not delete events; create one with --allow delete")
        id_ = request.path_params["id"]
        if not await self._store.delete(id_, actor=key.name, now=self._clock()):
            raise refusal("not-found", f"id: no event has the id {got(id_)}")
        self._log.info("deleted", id=id_, key=key.name)
        return JSONResponse({"status": "deleted", "id": id_})

    async def health(self, _: Request) -> Response:
        """Return whether the last commit succeeded."""
        if self._store.fault:
            return JSONResponse({"status": "fault", "store": self._store.fault}, 503)
        return JSONResponse({"status": "ok"})

    async def document(self, _: Request) -> Response:
        """Return the OpenAPI document."""
        return JSONResponse(self._document)

    async def index(self, request: Request) -> Response:
        """Redirect a browser to the pages; return the paths of the API to a program."""
        if is_browser(request):
            return RedirectResponse("/start", 303)
        return JSONResponse(
            {
                "this": "GitDailies incoming webhooks",
                "send": "POST /webhooks",
                "try": "POST /webhooks/ping",
                "read": "GET /api/events",
                "document": "GET /openapi.json",
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

    async def _authenticate(self, request: Request) -> Key:
        """Return the valid key of a request; raises Refusal.

        Requests without a valid key are limited by address. Requests with a valid key never are.
        """
        try:
            return await self._valid_key(request)
        except Refusal:
            address = network_of("" if request.client is None else request.client.host)
            tick = self._ticks()
            if wait := self._failures.wait_seconds(address, tick):
                raise refusal(
                    "too-many",
                    "too many requests without a valid key from this address",
                    Retry_After=str(math.ceil(wait)),
                ) from None
            self._failures.record(address, tick)
            raise

    async def _valid_key(self, request: Request) -> Key:
        raw = request.headers.getlist(KEY_HEADER)
        if not raw:
            raise _unauthorized("nothing")
        if len(raw) > 1 or not keys.well_formed(raw[0]):
            raise _unauthorized("text that is not a key; check that it was copied completely")
        key = await self._store.find_key(keys.hash_of(raw[0]))
        if key is None or not key.is_valid(self._clock()):
            raise _unauthorized("one that is unknown, deleted or expired")
        return key

    async def _stream(
        self, listing: Listing, page: list[ListedEvent], pages: AsyncIterator[list[ListedEvent]]
    ) -> AsyncIterator[str]:
        yield '{"events":['
        last, count, separator = None, 0, ""
        while page:
            yield separator + ",".join(event.body for event in page)
            last, count, separator = page[-1].seq, count + len(page), ","
            page = await anext(pages, [])
        more = count == listing.limit and last is not None and await self._store.has_more(listing, last)
        yield f'],"next":{last if more else "null"}}}'

    def _log_outcomes(self, key: Key, outcomes: tuple[intake.Outcome, ...], *, check_only: bool) -> None:
        counts = Counter(outcome.status for outcome in outcomes)
        first = next((outcome.problem.detail for outcome in outcomes if outcome.problem is not None), None)
        reason = {} if first is None else {"reason": first}
        self._log.info("checked" if check_only else "received", key=key.name, **counts, **reason)


def _query(request: Request) -> str:
    # Not `request.url`, which includes the text of the Host header.
    return str(request.scope["query_string"], "latin-1")


def _new_id(now: datetime) -> str:
    # Ids are in the order of time. Inserting scattered ids costs the store more than anything else.
    return f"event-{to_us(now):014x}-{secrets.token_hex(10)}"


def _unauthorized(found: str) -> Refusal:
    return refusal(
        "unauthorized",
        f"{KEY_HEADER}: expected a valid key in this header, got {found}",
        WWW_Authenticate="WebhookKey",
    )
