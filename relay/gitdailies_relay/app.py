"""The intake: a bare ASGI application for `/hooks/<source>`, `/healthz` and `/readyz`.

No framework here, since it would cost more than proof and parsing together. What a delivery
means is decided in `reading` and `acceptance`, what is answered in `answers`.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from gitdailies_connection.settings import Source
from gitdailies_core import strict_json
from gitdailies_core.adapter import Adapter
from gitdailies_core.errors import ProofError, StoreUnavailable
from gitdailies_core.request import Request
from gitdailies_core.routing import Routes
from gitdailies_core.secret import Secret
from gitdailies_server.logs import told
from gitdailies_server.moments import now_us

from gitdailies_relay import answers
from gitdailies_relay.acceptance import Accepted, Delivery
from gitdailies_relay.answers import Answer
from gitdailies_relay.deadline import Deadline
from gitdailies_relay.reading import SHAPE, UNREADABLE, Reading, prove, read
from gitdailies_relay.store import Store

LOG = structlog.get_logger("gitdailies.relay")

# PagerDuty, the largest sender, drops what is over 256 KB.
BODY_BYTES = 1024 * 1024
# A vendor's answer must come in 5 s (PagerDuty); what was not synced by then is our fault.
ANSWER_SECONDS = 4.0
BODY_SECONDS = 10.0
# How much of a refused body is still read: a sender that is cut while it sends may never see why.
_LINGER_BYTES = 4 * BODY_BYTES
_LINGER_SECONDS = 2.0
_METHODS = frozenset({"POST", "PUT", "PATCH"})  # Squadcast offers all three
_PREFIX = "/hooks/"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

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
        most_bytes: int = 64 * 1024 * 1024,
        destination: str = "default",
    ) -> None:
        self.intake = intake
        self.stopping = False
        self._store = store
        self._stored = stored
        self._counted = counted
        self._most_bytes = most_bytes
        self._bytes = 0
        self._destination = destination

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer, unread = await self._answer(scope, receive), False
        except Refusal as refusal:
            answer, unread = refusal.answer, True
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer.body)).encode()),
            *answer.headers,
        ]
        if unread:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": unread})
        if unread:
            with suppress(TimeoutError):
                await asyncio.wait_for(_drain(receive), _LINGER_SECONDS)
            await send({"type": "http.response.body", "body": b""})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["path"]
        if path.startswith(_PREFIX):
            return await self._hook(path[len(_PREFIX) :], scope, receive)
        if path == "/healthz":
            return Answer(200, b'{"status": "alive"}')
        if path == "/readyz":
            return await self._ready()
        raise Refusal(answers.UNKNOWN)

    async def _hook(self, name: str, scope: Scope, receive: Receive) -> Answer:
        source = self.intake.sources.get(name)
        if source is None:
            self._counted("", answers.UNKNOWN.status)
            raise Refusal(answers.UNKNOWN)
        try:
            answer = await self._received(source, scope, receive)
        except Refusal as refusal:
            self._counted(name, refusal.answer.status)
            raise
        except Exception as error:  # noqa: BLE001  a bug of ours loses nothing: the vendor keeps the delivery
            LOG.error("delivery broke", source=name, reason=told(error))
            answer = answers.unavailable("the relay is at fault")
        self._counted(name, answer.status)
        return answer

    async def _received(self, source: Source, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] not in _METHODS:
            raise Refusal(answers.WRONG_METHOD)
        headers = Request.make(headers=scope["headers"], body=b"")
        held = self._admit(headers)
        try:
            with Deadline(BODY_SECONDS):
                body = await _body(receive)
            return await self._delivered(source, Request(headers.headers, body, decode))
        except TimeoutError:
            raise Refusal(answers.unavailable("expected the whole body in time, got a part")) from None
        finally:
            self._bytes -= held

    def _admit(self, request: Request) -> int:
        """Refuse by headers alone what need not be read; return the bytes to account for."""
        if request.header("content-encoding").lower() not in ("", "identity"):
            raise Refusal(answers.ENCODED)
        length = request.header("content-length").lstrip("0")
        # A body of unknown length may grow to the limit.
        expected = int(length[:12]) if length.isascii() and length.isdigit() else BODY_BYTES
        if expected > BODY_BYTES:
            raise Refusal(answers.too_large(BODY_BYTES))
        if self.stopping:
            raise Refusal(answers.unavailable("the relay is stopping"))
        if self._bytes + expected > self._most_bytes:
            raise Refusal(answers.unavailable("more deliveries are waiting than are held at once"))
        self._bytes += expected
        return expected

    async def _delivered(self, source: Source, request: Request) -> Answer:
        adapter = self.intake.adapters[source.name]
        try:
            proof = prove(request, source, adapter, self.intake.secrets[source.name])
        except ProofError:
            LOG.warning("delivery refused", source=source.name, reason="wrong or missing proof")
            return answers.UNPROVEN
        except Exception as error:  # noqa: BLE001  never a 4xx for a fault of ours
            LOG.error("proof cannot be checked", source=source.name, reason=told(error))
            return answers.unavailable("the proof cannot be checked")
        reading = read(request, source, adapter, self.intake.routes, proof)
        at = now_us()
        delivery = Delivery(delivery_id(at), at, self._destination, reading)
        try:
            with Deadline(ANSWER_SECONDS):
                accepted = await self._store.accept(delivery)
        except Exception as error:  # noqa: BLE001  of an item that fails alone, as of a store that does
            LOG.error("delivery not stored", source=source.name, delivery=delivery.id, reason=_reason(error))
            return answers.unavailable("the store cannot be written")
        return self._answered(source.name, reading, accepted)

    def _answered(self, source: str, reading: Reading, accepted: Accepted) -> Answer:
        self._counted(source, accepted)
        reasons = list(accepted.reasons)
        log = LOG.warning if accepted.why else LOG.info
        log(
            "delivery",
            delivery=accepted.delivery,
            source=source,
            proof=reading.proof,
            outcomes=list(accepted.outcomes),
            events=list(accepted.events),
            reasons=reasons,
        )
        if accepted.why == UNREADABLE:
            return answers.unreadable(accepted.delivery, reasons[0])
        if accepted.why == SHAPE:
            return answers.kept(accepted.delivery, reasons[0])
        if accepted.events:
            if not accepted.repeated:
                self._stored()
            return answers.stored(accepted.delivery, list(accepted.events), reasons)
        return answers.ignored(accepted.delivery, reasons)

    async def _ready(self) -> Answer:
        """Really write: a disk that is full shows here first."""
        if self.stopping:
            return answers.unavailable("the relay is stopping")
        try:
            await asyncio.wait_for(self._store.run(_touch), ANSWER_SECONDS)
        except (StoreUnavailable, TimeoutError) as error:
            return answers.unavailable(_reason(error))
        return Answer(200, b'{"status": "ready"}')


def delivery_id(at: int) -> str:
    """Name a delivery: sorted by time, and not to be guessed."""
    return f"d{at:014x}{randomness.token_hex(4)}"


def _reason(error: Exception) -> str:
    return "the store does not answer in time" if isinstance(error, TimeoutError) else told(error)


def _touch(connection: Any) -> None:
    connection.execute(
        "INSERT INTO destinations (name, paused, reason, since) VALUES ('', '', 'readiness', ?)"
        " ON CONFLICT (name) DO UPDATE SET since = excluded.since",
        (now_us(),),
    )


async def _body(receive: Receive) -> bytes:
    """Read to the end or the limit, whatever was announced; raises Refusal."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(answers.unavailable("expected the whole body, got a part"))
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES:
            raise Refusal(answers.too_large(BODY_BYTES))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _drain(receive: Receive) -> None:
    size, more = 0, True
    while more and size <= _LINGER_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
