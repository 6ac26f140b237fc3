"""The intake: a bare ASGI application for `/hooks/<source>`, `/healthz` and `/readyz`.

It uses no framework, because one would cost more than proof and parsing together. `accepting`
decides what a delivery means, and `responses` what is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from gitdailies_connection.addresses import Network
from gitdailies_connection.config.settings import Source
from gitdailies_core.errors import CertificateMissing, ProofError, StoreUnavailable, UnreadableBody
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import INVALID_JSON, NO_COMMIT, UNEXPECTED_PAYLOAD
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import NO_QUERY, Request, decode_headers, decode_query
from gitdailies_core.values.secret import Secret
from gitdailies_server.http import permission_to_send
from gitdailies_server.http.bounded_protocol import AUTHENTICATED, BODY_COMPLETE, CONNECTION
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery
from gitdailies_relay.accepting.delivery_ids import delivery_id
from gitdailies_relay.accepting.interpret import Interpretation, decode, interpret, prove
from gitdailies_relay.intake import responses
from gitdailies_relay.intake.deadlines import FutureTimeouts
from gitdailies_relay.intake.marked_examples import as_example, is_example
from gitdailies_relay.intake.request_body import (
    BODY_BYTES,
    Body,
    BodyTooLarge,
    BodyTooSlow,
    ClientDisconnected,
    MemoryBudget,
    OutOfMemoryBudget,
    Receive,
    drain,
)
from gitdailies_relay.intake.responses import Answer
from gitdailies_relay.intake.source_secrets import SourceSecrets
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

# PagerDuty waits 5 s for an answer. What is not synced before that is our fault.
ANSWER_SECONDS = 4.0
# Probes come every few seconds, and from any client. They must not decide how often the disk syncs.
READY_SECONDS = 1.0
_METHODS = frozenset(responses.METHODS.split(", "))
_PREFIX = "/hooks/"

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# A user has to act before such a message can count, and it is the vendor's body that is at fault.
_UNREAD = frozenset({UNEXPECTED_PAYLOAD, NO_COMMIT})

READY = Answer(200, b'{"status": "ready"}')


@dataclass(frozen=True)
class IntakeSettings:
    """What the application needs of one configuration. A new configuration replaces it as a whole."""

    sources: Mapping[str, Source]
    adapters: Mapping[str, Adapter]
    secrets: Mapping[str, SourceSecrets]
    routes: Routes


class Refusal(Exception):
    """Answer a request before it is read to its end, and close its connection."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class IntakeApp:
    """The ASGI application. `settings` may be replaced while it runs.

    *on_stored* is called when there are new events to deliver, *count_request* with the source
    and status of each answer, *count_refusal* with source, status, client and reason of each request that is
    the sender's fault, *count_delivery* with what became of each accepted delivery, and *want_certificate*
    with the address of one that a delivery needs.
    """

    def __init__(
        self,
        *,
        settings: IntakeSettings,
        store: RelayStore,
        on_stored: Callable[[], None],
        count_request: Callable[[str, int], None] = lambda _source, _status: None,
        count_refusal: Callable[[str, int, str, str], None] = lambda *_: None,
        count_delivery: Callable[[str, Accepted], None] = lambda _source, _accepted: None,
        want_certificate: Callable[[str], None] = lambda _address: None,
        repeats: RateLimitedLog | None = None,
        most_bytes: int = 64 * 1024 * 1024,
        trusted_proxies: Sequence[Network] = (),
        destination: str = "default",
        example: Secret | None = None,
    ) -> None:
        self.settings = settings
        self.stopping = False
        self._store = store
        self._on_stored = on_stored
        self._count_request = count_request
        self._count_refusal = count_refusal
        self._count_delivery = count_delivery
        self._want_certificate = want_certificate
        self._repeats = repeats or RateLimitedLog(LOG)
        # Bound once, because structlog binds a module's logger again for each line.
        self._log = LOG.bind()
        self._budget = MemoryBudget(most_bytes)
        self._timeouts = FutureTimeouts(ANSWER_SECONDS)
        self._trusted_proxies = trusted_proxies
        self._destination = destination
        self._example = example
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
            return await self._readiness()
        raise Refusal(responses.UNKNOWN)

    async def _hook(self, name: str, scope: Scope, receive: Receive) -> Answer:
        source = self.settings.sources.get(name)
        if source is None:
            self._count_request("", responses.UNKNOWN.status)
            self._refused("", responses.UNKNOWN, scope, "no source of this name is in gitdailies.yml")
            raise Refusal(responses.UNKNOWN)
        try:
            answer = await self._receive(source, scope, receive)
        except Refusal as refusal:
            self._count_request(name, refusal.answer.status)
            self._refused(name, refusal.answer, scope)
            raise
        except Exception as error:  # noqa: BLE001  a bug of ours loses nothing: the vendor sends it again
            LOG.error("delivery not handled", source=name, reason=describe_error(error))
            answer = responses.unavailable("the relay has an internal error")
        self._count_request(name, answer.status)
        return answer

    async def _receive(self, source: Source, scope: Scope, receive: Receive) -> Answer:
        headers = decode_headers(scope["headers"])
        if scope["method"] not in _METHODS:
            permission = permission_to_send.granted(headers, responses.METHODS)
            if scope["method"] == "OPTIONS" and permission is not None:
                return responses.permitted(permission)
            raise Refusal(responses.WRONG_METHOD)
        self._check_headers(headers)
        try:
            query = decode_query(raw) if (raw := scope.get("query_string")) else NO_QUERY
        except UnreadableBody:
            raise Refusal(responses.WRONG_QUERY) from None
        connection = scope.get("extensions", {}).get(CONNECTION)
        with Body(self._budget) as body:
            try:
                arrived = connection is not None and connection[BODY_COMPLETE]()
                read = await body.read(receive, arrived=arrived)
                at = now_us()
                request = Request(headers, read, decode, from_us(at), scope["method"], scope["path"], query)
            except BodyTooLarge:
                raise Refusal(responses.too_large(BODY_BYTES)) from None
            except OutOfMemoryBudget:
                raise Refusal(responses.OVERLOADED) from None
            except BodyTooSlow:
                raise Refusal(responses.unavailable("the body took too long to arrive")) from None
            except ClientDisconnected:
                raise Refusal(responses.INCOMPLETE) from None
            return await self._accept(source, request, at, scope, connection)

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        """Refuse what the headers alone show to be wrong; raises Refusal."""
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise Refusal(responses.ENCODED)
        if headers.get("transfer-encoding", "").lower() not in ("", "chunked"):
            raise Refusal(responses.TRANSFERRED)
        length = headers.get("content-length", "").lstrip("0")
        if length.isascii() and length.isdigit() and int(length[:12]) > BODY_BYTES:
            raise Refusal(responses.too_large(BODY_BYTES))
        if self.stopping:
            raise Refusal(responses.unavailable("the relay is stopping"))
        if self._budget.full:
            raise Refusal(responses.OVERLOADED)

    async def _accept(
        self,
        source: Source,
        request: Request,
        at: int,
        scope: Scope,
        connection: Mapping[object, Any] | None,
    ) -> Answer:
        adapter = self.settings.adapters[source.name]
        secrets = self.settings.secrets[source.name]
        client = self._client(scope, request.headers)
        try:
            # A secret that was replaced in its file is refused, also if no delivery has a wrong proof.
            if time.monotonic() >= secrets.look_at and secrets.read_changed():
                self._note_reading(source, secrets, changed=True)
            try:
                proof = prove(request, source, adapter, secrets.current)
            except CertificateMissing:
                raise
            except ProofError:
                self._note_reading(source, secrets, changed=secrets.read_again())
                proof = prove(request, source, adapter, secrets.current)
        except CertificateMissing as missing:
            self._want_certificate(missing.address)
            return responses.NO_CERTIFICATE
        except ProofError as error:
            self._repeats.warn(
                "delivery refused", source=source.name, client=client, reason="wrong or missing proof"
            )
            self._count_refusal(source.name, responses.UNPROVEN.status, client, str(error))
            return responses.UNPROVEN
        except Exception as error:  # noqa: BLE001  never a 4xx for a fault of ours
            LOG.error(
                "proof cannot be checked", source=source.name, client=client, reason=describe_error(error)
            )
            return responses.unavailable("the proof cannot be checked")
        if connection is not None:
            connection[AUTHENTICATED]()
        routes = self.settings.routes
        if is_example(request.headers, self._example):
            source, routes = as_example(source)
        interpretation = interpret(request, source, adapter, routes, proof, secrets=secrets.current)
        delivery = Delivery(delivery_id(at), at, self._destination, interpretation)
        try:
            accepted = await self._timeouts.limit(self._store.accept(delivery))
        except Exception as error:  # noqa: BLE001  the store failed, or this delivery alone cannot be written
            LOG.error("delivery not stored", source=source.name, delivery=delivery.id, reason=_reason(error))
            return responses.unavailable("the store cannot be written")
        return self._accepted(source.name, client, interpretation, accepted)

    def _note_reading(self, source: Source, secrets: SourceSecrets, *, changed: bool) -> None:
        if secrets.fault:
            self._repeats.warn("secret not read", source=source.name, client="", reason=secrets.fault)
        if changed:
            self._log.info("secrets read again", source=source.name)

    def _refused(self, name: str, answer: Answer, scope: Scope, reason: str = "") -> None:
        """Count a request that its sender has to change. What is our own fault is in log and metrics."""
        if answer.status < 500:
            client = self._client(scope, decode_headers(scope["headers"]))
            self._count_refusal(name, answer.status, client, reason or responses.reason_of(answer))

    def _client(self, scope: Scope, headers: Mapping[str, str]) -> str:
        peer = scope.get("client")
        forwarded = headers.get(FORWARDED_HEADER, "")
        return client_address(peer[0], forwarded, self._trusted_proxies) if peer else ""

    def _accepted(
        self, source: str, client: str, interpretation: Interpretation, accepted: Accepted
    ) -> Answer:
        self._count_delivery(source, accepted)
        reasons = accepted.texts
        log = self._log.warning if accepted.quarantine_code else self._log.info
        log(
            "delivery",
            delivery=accepted.delivery,
            source=source,
            client=client,
            proof=interpretation.proof,
            outcomes=accepted.outcomes,
            events=accepted.events,
            reasons=reasons,
        )
        if accepted.quarantine_code == INVALID_JSON:
            return responses.invalid_json(accepted.delivery, reasons[0])
        if accepted.quarantine_code in _UNREAD and not accepted.events:
            code = accepted.quarantine_code
            reason = next(reason.text for reason in accepted.reasons if reason.code == code)
            return responses.quarantined(accepted.delivery, reason)
        if accepted.events:
            if not accepted.repeated:
                self._on_stored()
            return responses.stored(accepted.delivery, accepted.events, reasons, repeated=accepted.repeated)
        return responses.ignored(accepted.delivery, reasons)

    async def _readiness(self) -> Answer:
        """Write to the store, because a full disk shows there first."""
        if self.stopping:
            return responses.unavailable("the relay is stopping")
        loop = asyncio.get_running_loop()
        if loop.time() < self._ready_until:
            return READY
        try:
            await asyncio.wait_for(self._store.run(_touch, task="readiness"), ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError) as error:
            return responses.unavailable(_reason(error))
        self._ready_until = loop.time() + READY_SECONDS
        return READY


def _reason(error: Exception) -> str:
    return "the store does not answer in time" if isinstance(error, TimeoutError) else describe_error(error)


# Any row will do. A destination without a name is never paused.
_TOUCH = (
    "INSERT INTO destinations (name, paused, reason, since) VALUES ('', '', 'readiness', ?)"
    " ON CONFLICT (name) DO UPDATE SET since = excluded.since"
)


def _touch(connection: Any) -> None:
    connection.execute(_TOUCH, (now_us(),))
