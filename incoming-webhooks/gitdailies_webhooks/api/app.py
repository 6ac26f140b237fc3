"""The receiver over HTTP: paths, who may use them, and what is answered."""

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
from gitdailies_webhooks.accounts.rate_limit import KEYS, Attempts, network_of
from gitdailies_webhooks.api import openapi
from gitdailies_webhooks.api.body import read_json
from gitdailies_webhooks.api.error_responses import Refusals, browses
from gitdailies_webhooks.api.forwarding import Forwarding
from gitdailies_webhooks.api.metrics import Metrics
from gitdailies_webhooks.api.middleware import Guard, problem_response
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events import cloud_events, intake, query
from gitdailies_webhooks.events.problem import Refusal, refusal
from gitdailies_webhooks.events.queries import Row
from gitdailies_webhooks.events.query import Listing
from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.pages.routes import routes
from gitdailies_webhooks.pages.site import Site

# Decoding more than this takes milliseconds, in which the event loop would answer nobody.
_READ_APART = 64 * 1024


def create_app(
    store: Store,
    log: Any,
    *,
    clock: Callable[[], datetime] = utc_now,
    kinds: tuple[Kind, ...] = KINDS,
    public: str = "",
    deriver: Deriver | None = None,
    trusted_proxies: Sequence[Network] = (),
) -> Starlette:
    """Return the application that serves *store*.

    *public* is the address that is in front of it, if any; *trusted_proxies* say truly who speaks to them.
    """
    receiver = Receiver(store, log, clock=clock, kinds=kinds)
    deriver = deriver or Deriver(store, FigureSettings(), clock, log)
    figures = Metrics(store, deriver, clock, receiver.reader)
    site = Site(store, log, clock, public, deriver.settings, deriver.catch_up)
    refusals = Refusals(site, log)
    app = Starlette(
        routes=[
            Route("/", receiver.front, methods=["GET"]),
            Route("/healthz", receiver.health, methods=["GET"]),
            Route("/openapi.json", receiver.document, methods=["GET"]),
            Route("/webhooks", receiver.take, methods=["POST"]),
            Route("/webhooks/ping", receiver.ping, methods=["POST"]),
            Route("/api/events", receiver.events, methods=["GET"]),
            Route("/api/events/{id:path}", receiver.delete, methods=["DELETE"]),
            *figures.routes(),
            *routes(site),
        ],
        middleware=[
            Middleware(Forwarding, trusted=trusted_proxies),
            Middleware(Guard, log=log, answer=refusals.answer, secure=site.secure),
        ],
        exception_handlers={
            GitDailiesError: refusals.of_ours,
            HTTPException: refusals.of_the_router,
        },
    )
    # A redirect would lose the body at half of the clients; what is wrong is said instead.
    app.router.redirect_slashes = False
    return app


class Receiver:
    """The endpoints, and what they share."""

    def __init__(
        self, store: Store, log: Any, *, clock: Callable[[], datetime], kinds: tuple[Kind, ...]
    ) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._kinds = kinds
        self._ticks = time.monotonic
        self._attempts = Attempts(KEYS)
        self._document = openapi.document(kinds)

    async def take(self, request: Request) -> Response:
        """Take one event or a list; every 2xx is after the commit that holds it was synced."""
        check_only = query.validate_only(_query(request))
        key = await self._key(request)
        if not key.may_send_any():
            raise refusal("forbidden", "key: expected one that may send events, got one that may not")
        body = cloud_events.unwrapped(request.headers, await read_json(request), self._kinds)
        now = self._clock()
        read = partial(
            intake.read,
            body,
            key_header=request.headers.get(ID_HEADER, ""),
            may_send=key.may_send,
            now=now,
            new_id=partial(_new_id, now),
            kinds=self._kinds,
        )
        submission = await asyncio.to_thread(read) if len(body) > _READ_APART else read()
        if check_only:
            outcomes = intake.only_checked(await self._store.weigh(submission))
        else:
            taken = await self._store.take(submission, key, now)
            if taken is None:
                raise _no_key("one that is unknown, deleted or expired")
            outcomes = taken
        status, answer = intake.answer(submission, outcomes)
        self._tell(key, outcomes, check_only=check_only)
        if status in (202, 207):
            return JSONResponse(answer, 200 if check_only and status == 202 else status)
        return problem_response(next(o.problem for o in outcomes if o.problem is not None))

    async def ping(self, request: Request) -> Response:
        """Prove key and path, and store nothing."""
        query.nothing(_query(request))
        key = await self._key(request)
        await self._store.use(key, self._clock())
        return JSONResponse({"status": "ok", "key": key.name, "allow": sorted(key.allow)})

    async def events(self, request: Request) -> Response:
        """List events, oldest received first, as a stream."""
        listing = query.listing(_query(request), self._kinds)
        await self.reader(request)
        pages = self._store.pages(listing)
        # The first page is read before the answer begins, so that a fault can still be a 503.
        first: list[Row] = await anext(pages, [])
        return StreamingResponse(self._stream(listing, first, pages), media_type="application/json")

    async def delete(self, request: Request) -> Response:
        """Delete one event; an audit line keeps it."""
        query.nothing(_query(request))
        key = await self._key(request)
        if not key.may_delete():
            raise refusal(
                "forbidden", "key: expected one that may delete (--allow delete), got one that may not"
            )
        id_ = request.path_params["id"]
        if not await self._store.delete(id_, actor=key.name, now=self._clock()):
            raise refusal("not-found", f"id: expected the id of an event, got {got(id_)}")
        self._log.info("deleted", id=id_, key=key.name)
        return JSONResponse({"status": "deleted", "id": id_})

    async def health(self, _: Request) -> Response:
        """Say whether the last commit succeeded."""
        if self._store.fault:
            return JSONResponse({"status": "fault", "store": self._store.fault}, 503)
        return JSONResponse({"status": "ok"})

    async def document(self, _: Request) -> Response:
        """Serve the OpenAPI document."""
        return JSONResponse(self._document)

    async def front(self, request: Request) -> Response:
        """Say what this is, to whoever opens the address: pages to a browser, paths to a program."""
        if browses(request):
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

    async def reader(self, request: Request) -> Key:
        """Find the key of a request that reads, and write down that it was used."""
        key = await self._key(request)
        if not key.may_read():
            raise refusal("forbidden", "key: expected one that may read (--allow read), got one that may not")
        with suppress(StoreUnavailable):  # a full disk is no reason not to read
            await self._store.use(key, self._clock())
        return key

    async def _key(self, request: Request) -> Key:
        """Find the key of a request; whoever has none too often waits, and a live one never does."""
        try:
            return await self._live_key(request)
        except Refusal:
            who = network_of("" if request.client is None else request.client.host)
            tick = self._ticks()
            if wait := self._attempts.wait_seconds(who, tick):
                raise refusal(
                    "too-many",
                    "requests: expected fewer without a live key, got too many from this address",
                    Retry_After=str(math.ceil(wait)),
                ) from None
            self._attempts.fail(who, tick)
            raise

    async def _live_key(self, request: Request) -> Key:
        raw = request.headers.getlist(KEY_HEADER)
        if not raw:
            raise _no_key("nothing")
        if len(raw) > 1 or not keys.well_formed(raw[0]):
            raise _no_key("text that is no key; see whether it was copied whole")
        key = await self._store.key(keys.hash_of(raw[0]))
        if key is None or not key.live(self._clock()):
            raise _no_key("one that is unknown, deleted or expired")
        return key

    async def _stream(
        self, listing: Listing, page: list[Row], pages: AsyncIterator[list[Row]]
    ) -> AsyncIterator[str]:
        yield '{"events":['
        last, count, separator = None, 0, ""
        while page:
            yield separator + ",".join(row.body for row in page)
            last, count, separator = page[-1].seq, count + len(page), ","
            page = await anext(pages, [])
        more = count == listing.limit and last is not None and await self._store.more(listing, last)
        yield f'],"next":{last if more else "null"}}}'

    def _tell(self, key: Key, outcomes: tuple[intake.Outcome, ...], *, check_only: bool) -> None:
        counts = Counter(outcome.status for outcome in outcomes)
        reason = next((outcome.problem.detail for outcome in outcomes if outcome.problem is not None), None)
        said = {} if reason is None else {"reason": reason}
        self._log.info("checked" if check_only else "received", key=key.name, **counts, **said)


def _query(request: Request) -> str:
    # Not of `request.url`, which is put together with whatever the Host header says.
    return str(request.scope["query_string"], "latin-1")


def _new_id(now: datetime) -> str:
    # In time order, since scattered keys cost the store more than anything else.
    return f"event-{to_us(now):014x}-{secrets.token_hex(10)}"


def _no_key(what: str) -> Refusal:
    return refusal(
        "unauthorized",
        f"{KEY_HEADER}: expected a live key in this header, got {what}",
        WWW_Authenticate="WebhookKey",
    )
