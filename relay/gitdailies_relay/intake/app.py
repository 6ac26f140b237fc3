"""The intake: a bare ASGI application for `/hooks/<source>`, `/healthz` and `/readyz`.

No framework here, since it would cost more than proof and parsing together. What a delivery
means is decided in `reading` and `acceptance`, what is answered in `answers`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from gitdailies_connection.addresses import Network
from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import ProofError, StoreUnavailable
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import Request, read_headers
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret
from gitdailies_server.http.bounded_protocol import AUTHENTICATED, BODY_COMPLETE, CONNECTION
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery
from gitdailies_relay.accepting.interpret import SHAPE, UNREADABLE, Reading, prove, read
from gitdailies_relay.intake import responses
from gitdailies_relay.intake.deadlines import Patience
from gitdailies_relay.intake.request_body import (
    BODY_BYTES,
    Bodies,
    Body,
    Gone,
    Receive,
    TooLarge,
    TooMany,
    TooSlow,
    drain,
)
from gitdailies_relay.intake.responses import Answer
from gitdailies_relay.store.store import Store

LOG = structlog.get_logger("gitdailies.relay")

# A vendor's answer must come in 5 s (PagerDuty); what was not synced by then is our fault.
ANSWER_SECONDS = 4.0
# A probe asks every few seconds, and anybody may: it shall not make the disk sync at will.
READY_SECONDS = 1.0
_METHODS = frozenset({"POST", "PUT", "PATCH"})  # Squadcast offers all three
_PREFIX = "/hooks/"

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

READY = Answer(200, b'{"status": "ready"}')

decode = strict_json.guarded(orjson.loads)


@dataclass(frozen=True)
class Intake:
    """What the application needs of one configuration; a new one replaces it whole."""

    sources: Mapping[str, Source]
    adapters: Mapping[str, Adapter]
    secrets: Mapping[str, Sequence[Secret]]
    routes: Routes


class Refusal(Exception):
    """A request is answered before it is read to its end, and its connection is closed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class App:
    """The ASGI application. `intake` may be replaced while it runs."""

    def __init__(
        self,
        *,
        intake: Intake,
        store: Store,
        stored: Callable[[], None],
        counted: Callable[[str, Accepted | int], None] = lambda _source, _became: None,
        repeats: RateLimitedLog | None = None,
        most_bytes: int = 64 * 1024 * 1024,
        trusted_proxies: Sequence[Network] = (),
        destination: str = "default",
    ) -> None:
        self.intake = intake
        self.stopping = False
        self._store = store
        self._stored = stored
        self._counted = counted
        self._repeats = repeats or RateLimitedLog(LOG)
        # Bound once: structlog binds a logger of a module anew at each line.
        self._log = LOG.bind()
        self._bodies = Bodies(most_bytes)
        self._patience = Patience(ANSWER_SECONDS)
        self._trusted_proxies = trusted_proxies
        self._destination = destination
        self._ready_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer, unread = await self._answer(scope, receive), False
        except Refusal as refusal:
            answer, unread = refusal.answer, True
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            *answer.headers,
        ]
        if unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": unread})
        if unread:
            await drain(receive)
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["path"]
        if path.startswith(_PREFIX):
            return await self._hook(path[len(_PREFIX) :], scope, receive)
        if path == "/healthz":
            return Answer(200, b'{"status": "alive"}')
        if path == "/readyz":
            return await self._ready()
        raise Refusal(responses.UNKNOWN)

    async def _hook(self, name: str, scope: Scope, receive: Receive) -> Answer:
        source = self.intake.sources.get(name)
        if source is None:
            self._counted("", responses.UNKNOWN.status)
            raise Refusal(responses.UNKNOWN)
        try:
            answer = await self._received(source, scope, receive)
        except Refusal as refusal:
            self._counted(name, refusal.answer.status)
            raise
        except Exception as error:  # noqa: BLE001  a bug of ours loses nothing: the vendor keeps the delivery
            LOG.error("delivery broke", source=name, reason=describe_error(error))
            answer = responses.unavailable("the relay is at fault")
        self._counted(name, answer.status)
        return answer

    async def _received(self, source: Source, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] not in _METHODS:
            raise Refusal(responses.WRONG_METHOD)
        headers = read_headers(scope["headers"])
        self._admit(headers)
        connection = scope.get("extensions", {}).get(CONNECTION)
        with Body(self._bodies) as body:
            try:
                has_come = connection is not None and connection[BODY_COMPLETE]()
                request = Request(headers, await body.read(receive, has_come=has_come), decode)
            except TooLarge:
                raise Refusal(responses.too_large(BODY_BYTES)) from None
            except TooMany:
                raise Refusal(responses.TOO_MANY) from None
            except TooSlow:
                raise Refusal(responses.unavailable("expected the whole body in time, got a part")) from None
            except Gone:
                raise Refusal(responses.CUT) from None
            return await self._delivered(source, request, scope, connection)

    def _admit(self, headers: Mapping[str, str]) -> None:
        """Refuse by headers alone what need not be read."""
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise Refusal(responses.ENCODED)
        if headers.get("transfer-encoding", "").lower() not in ("", "chunked"):
            raise Refusal(responses.TRANSFERRED)
        length = headers.get("content-length", "").lstrip("0")
        if length.isascii() and length.isdigit() and int(length[:12]) > BODY_BYTES:
            raise Refusal(responses.too_large(BODY_BYTES))
        if self.stopping:
            raise Refusal(responses.unavailable("the relay is stopping"))
        if self._bodies.full:
            raise Refusal(responses.TOO_MANY)

    async def _delivered(
        self, source: Source, request: Request, scope: Scope, connection: Mapping[object, Any] | None
    ) -> Answer:
        adapter = self.intake.adapters[source.name]
        client = self._client(scope, request)
        try:
            proof = prove(request, source, adapter, self.intake.secrets[source.name])
        except ProofError:
            self._repeats.warn(
                "delivery refused", source=source.name, client=client, reason="wrong or missing proof"
            )
            return responses.UNPROVEN
        except Exception as error:  # noqa: BLE001  never a 4xx for a fault of ours
            LOG.error(
                "proof cannot be checked", source=source.name, client=client, reason=describe_error(error)
            )
            return responses.unavailable("the proof cannot be checked")
        if connection is not None:
            connection[AUTHENTICATED]()
        reading = read(request, source, adapter, self.intake.routes, proof)
        at = now_us()
        delivery = Delivery(delivery_id(at), at, self._destination, reading)
        try:
            accepted = await self._patience.bound(self._store.accept(delivery))
        except Exception as error:  # noqa: BLE001  of an item that fails alone, as of a store that does
            LOG.error("delivery not stored", source=source.name, delivery=delivery.id, reason=_reason(error))
            return responses.unavailable("the store cannot be written")
        return self._answered(source.name, client, reading, accepted)

    def _client(self, scope: Scope, request: Request) -> str:
        peer = scope.get("client")
        forwarded = request.header(FORWARDED_HEADER)
        return client_address(peer[0], forwarded, self._trusted_proxies) if peer else ""

    def _answered(self, source: str, client: str, reading: Reading, accepted: Accepted) -> Answer:
        self._counted(source, accepted)
        reasons = accepted.reasons
        log = self._log.warning if accepted.why else self._log.info
        log(
            "delivery",
            delivery=accepted.delivery,
            source=source,
            client=client,
            proof=reading.proof,
            outcomes=accepted.outcomes,
            events=accepted.events,
            reasons=reasons,
        )
        if accepted.why == UNREADABLE:
            return responses.unreadable(accepted.delivery, reasons[0])
        if accepted.why == SHAPE:
            return responses.kept(accepted.delivery, reasons[0])
        if accepted.events:
            if not accepted.repeated:
                self._stored()
            return responses.stored(accepted.delivery, accepted.events, reasons)
        return responses.ignored(accepted.delivery, reasons)

    async def _ready(self) -> Answer:
        """Really write: a disk that is full shows here first."""
        if self.stopping:
            return responses.unavailable("the relay is stopping")
        loop = asyncio.get_running_loop()
        if loop.time() < self._ready_until:
            return READY
        try:
            await asyncio.wait_for(self._store.run(_touch), ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError) as error:
            return responses.unavailable(_reason(error))
        self._ready_until = loop.time() + READY_SECONDS
        return READY


def delivery_id(at: int) -> str:
    """Name a delivery: sorted by time, and not to be guessed."""
    return f"d{at:014x}{os.urandom(4).hex()}"


def _reason(error: Exception) -> str:
    return "the store does not answer in time" if isinstance(error, TimeoutError) else describe_error(error)


def _touch(connection: Any) -> None:
    connection.execute(
        "INSERT INTO destinations (name, paused, reason, since) VALUES ('', '', 'readiness', ?)"
        " ON CONFLICT (name) DO UPDATE SET since = excluded.since",
        (now_us(),),
    )
