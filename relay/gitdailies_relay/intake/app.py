"""The intake: `/hooks/<source>`, `/healthz` and `/readyz`, straight on the connections of the HTTP server.

```
head → checks → body → proof, translation, routing → batch of the store → its commit → answer
```

All of it runs in callbacks of the event loop: a task for each delivery would cost more than proof and
parsing together. `accepting` decides what a delivery means, and `responses` what is answered.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog
from gitdailies_connection.config.sections.settings import RelaySettings, Source
from gitdailies_core.errors import CertificateMissing, ProofError, StoreUnavailable, UnreadableBody
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import INVALID_JSON, UNMAPPED
from gitdailies_core.sources.protocol import Adapter
from gitdailies_core.sources.request import NO_QUERY, Request, decode_headers, decode_query
from gitdailies_core.values import trace_context
from gitdailies_core.values.secret import Secret
from gitdailies_server.http import permission_to_send
from gitdailies_server.http.client_address import FORWARDED_HEADER, client_address
from gitdailies_server.http.exchange import Exchange
from gitdailies_server.http.request_body import BodyFault, MemoryBudget, read_body
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.readiness import Readiness
from gitdailies_server.storage.group_commit import ANSWER_SECONDS
from gitdailies_server.storage.timestamps import from_us, now_us

from gitdailies_relay.accepting.acceptance import Accepted, Delivery, delivery_id, trace_of
from gitdailies_relay.accepting.interpret import decode, interpret, prove
from gitdailies_relay.intake import responses
from gitdailies_relay.intake.certificates import Certificates
from gitdailies_relay.intake.marked_examples import as_example, is_example, marked
from gitdailies_relay.intake.refused_requests import RefusalCounts
from gitdailies_relay.intake.responses import VendorAnswer
from gitdailies_relay.intake.source_secrets import AFTER_WRONG_PROOF_SECONDS, READ_SECONDS, SourceSecrets
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_relay.store.store import DESTINATION, RelayStore

LOG = structlog.get_logger("gitdailies.relay")

# The same as nginx's client_body_timeout in deployment/proxy.
BODY_SECONDS = 10.0
# Unless a pack names more. PagerDuty drops what is over 256 KB, and few others send more.
BODY_BYTES = 1024 * 1024
PROBES = ("/healthz", "/readyz")
_METHODS = frozenset(responses.METHODS.split(", "))
_PREFIX = "/hooks/"


@dataclass(frozen=True)
class IntakeSettings:
    """What the application needs from one configuration. A new configuration replaces it as a whole."""

    sources: Mapping[str, Source]
    adapters: Mapping[str, Adapter]
    secrets: Mapping[str, SourceSecrets]
    routes: Routes


class Refusal(Exception):
    """A request that is answered without being a delivery; *reason* is for the list of refused requests."""

    def __init__(self, answer: VendorAnswer, reason: str = "") -> None:
        super().__init__(answer.status)
        self.answer = answer
        self.reason = reason


class _Hook:
    """A request to `/hooks/` until it is answered. `source` is "" until it is known to be one."""

    __slots__ = ("began", "delivery", "exchange", "headers", "is_over", "size", "source", "timer")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.began = time.monotonic()
        self.headers = decode_headers(exchange.fields)
        self.source = ""
        # The bytes of its body in the budget.
        self.size = 0
        self.is_over = False
        self.delivery: Delivery | None = None
        # Ends the wait for the store.
        self.timer: asyncio.TimerHandle | None = None


@dataclass
class IntakeApp:
    """The application of the intake. `settings` may be replaced while it runs.

    *refusals* gets the mistakes of senders. *on_stored* is called when there are new events to deliver.
    A request with the token *example* is an example that the relay sends to itself.
    """

    settings: IntakeSettings
    relay: RelaySettings
    store: RelayStore
    readiness: Readiness
    metrics: RelayMetrics
    refusals: RefusalCounts
    certificates: Certificates
    repeats: RateLimitedLog
    on_stored: Callable[[], None]
    example: Secret
    unfinished: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        # Bound once, because structlog binds a module's logger again for each line.
        self._log = LOG.bind()
        self._budget = MemoryBudget(self.relay.queue_bytes)

    def __call__(self, exchange: Exchange, /) -> None:
        if exchange.path.startswith(_PREFIX):
            self._begin(_Hook(exchange), exchange.path[len(_PREFIX) :])
        elif exchange.path in PROBES and exchange.method not in ("GET", "HEAD"):
            exchange.answer(*responses.WRONG_PROBE)
        elif exchange.path in PROBES:
            task = asyncio.get_running_loop().create_task(self._probe(exchange))
            self.unfinished.add(task)
            task.add_done_callback(self.unfinished.discard)
        else:
            exchange.answer(*responses.UNKNOWN)

    def _begin(self, hook: _Hook, name: str) -> None:
        try:
            largest = self._check_head(hook, name)
        except Refusal as refusal:
            self._refuse(hook, refusal)
        else:
            go_on = partial(self._go_on, hook, largest)
            read_body(hook.exchange, self._budget, largest, BODY_SECONDS, go_on)

    def _check_head(self, hook: _Hook, name: str) -> int:
        """Return how large the body may be. Raises Refusal for what the head alone shows to be wrong."""
        headers, method = hook.headers, hook.exchange.method
        if name not in self.settings.sources:
            raise Refusal(responses.UNKNOWN, "no source of this name is in gitdailies.yml")
        hook.source = name
        if method not in _METHODS:
            permission = permission_to_send.granted(headers, responses.METHODS)
            if method == "OPTIONS" and permission is not None:
                raise Refusal(responses.permitted(permission))
            raise Refusal(responses.WRONG_METHOD)
        if headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise Refusal(responses.ENCODED)
        if self.readiness.stopping:
            raise Refusal(responses.unavailable("the relay is stopping"))
        if self._budget.full:
            raise Refusal(responses.OVERLOADED)
        named: int = getattr(self.settings.adapters[name], "body_bytes", BODY_BYTES)
        return min(named, self._budget.most_bytes)

    def _go_on(self, hook: _Hook, largest: int, body: bytes | BodyFault) -> None:
        """Hand a delivery to the store, if its whole *body* came; refuse it otherwise."""
        try:
            if isinstance(body, BodyFault):
                raise Refusal(responses.no_body(body, largest))
            hook.size = len(body)
            self._put(hook, body)
        except Refusal as refusal:
            self._refuse(hook, refusal)
        except StoreUnavailable as error:
            self._fail(hook, error)
        except Exception as error:  # noqa: BLE001  a bug of ours loses nothing: the vendor sends it again
            LOG.error("delivery not handled", source=hook.source, reason=describe_error(error))
            self._answer(hook, responses.unavailable("the relay has an internal error"))

    def _put(self, hook: _Hook, body: bytes) -> None:
        exchange, at, settings = hook.exchange, now_us(), self.settings
        try:
            query = decode_query(exchange.query) if exchange.query else NO_QUERY
        except UnreadableBody:
            raise Refusal(responses.WRONG_QUERY) from None
        source = settings.sources[hook.source]
        adapter, secrets = settings.adapters[hook.source], settings.secrets[hook.source]
        request = Request(hook.headers, body, decode, from_us(at), exchange.method, exchange.path, query)
        proof = self._prove(hook, request, source, adapter, secrets)
        exchange.note_authenticated()
        routes = settings.routes
        example = is_example(hook.headers, self.example)
        if example:
            source, routes = as_example(source)
        interpretation = interpret(request, source, adapter, routes, proof, secrets=secrets.current)
        if example:
            interpretation = marked(interpretation, from_us(at))
        trace = trace_context.read(hook.headers.get(trace_context.HEADER, ""))
        hook.delivery = Delivery(delivery_id(at, trace), at, DESTINATION, interpretation)
        self.store.accept_then(hook.delivery, partial(self._stored, hook))
        loop = asyncio.get_running_loop()
        hook.timer = loop.call_later(ANSWER_SECONDS, self._fail, hook, TimeoutError())

    def _prove(
        self, hook: _Hook, request: Request, source: Source, adapter: Adapter, secrets: SourceSecrets
    ) -> str:
        """Return the origin of the secret that proves a delivery; raises Refusal."""
        try:
            # A secret that was replaced in its file is refused, also if no delivery has a wrong proof.
            self._read_again(source, secrets, READ_SECONDS)
            try:
                return prove(request, source, adapter, secrets.current)
            except CertificateMissing:
                raise
            except ProofError:
                self._read_again(source, secrets, AFTER_WRONG_PROOF_SECONDS)
                return prove(request, source, adapter, secrets.current)
        except CertificateMissing as missing:
            self.certificates.want(missing.address)
            raise Refusal(responses.NO_CERTIFICATE) from None
        except ProofError as error:
            client = self._client(hook)
            self.repeats.warn(
                "delivery refused", source=source.name, client=client, reason="wrong or missing proof"
            )
            raise Refusal(responses.UNPROVEN, str(error)) from None
        except Exception as error:  # noqa: BLE001  never a 4xx for a fault of ours
            LOG.error(
                "proof cannot be checked",
                source=source.name,
                client=self._client(hook),
                reason=describe_error(error),
            )
            raise Refusal(responses.unavailable("the proof cannot be checked")) from None

    def _read_again(self, source: Source, secrets: SourceSecrets, seconds: float) -> None:
        if secrets.read_again(seconds):
            self._log.info("secrets read again", source=source.name)
        if secrets.fault:
            self.repeats.warn("secret not read", source=source.name, client="", reason=secrets.fault)

    def _stored(self, hook: _Hook, outcome: Accepted | BaseException) -> None:
        if hook.is_over:
            return  # its time was over before
        if isinstance(outcome, BaseException):  # the store failed, or this delivery alone cannot be written
            self._fail(hook, outcome)
        else:
            assert hook.delivery is not None
            self._answer(hook, self._accepted(hook, hook.delivery.interpretation.proof, outcome))

    def _fail(self, hook: _Hook, error: BaseException) -> None:
        delivery = hook.delivery.id if hook.delivery else ""
        LOG.error("delivery not stored", source=hook.source, delivery=delivery, reason=_reason(error))
        self._answer(hook, responses.unavailable("the store cannot be written"))

    def _refuse(self, hook: _Hook, refusal: Refusal) -> None:
        """Answer, and count mistakes that the sender must correct. Our own faults are in log and metrics."""
        answer = refusal.answer
        if 400 <= answer.status < 500:
            reason = refusal.reason or responses.reason_of(answer)
            self.refusals.add(hook.source, answer.status, self._client(hook), reason)
        self._answer(hook, answer)

    def _answer(self, hook: _Hook, answer: VendorAnswer) -> None:
        hook.is_over = True
        if hook.timer is not None:
            hook.timer.cancel()
        self._budget.release(hook.size)
        self.metrics.count_request(hook.source, answer.status, time.monotonic() - hook.began)
        hook.exchange.answer(*answer)

    def _client(self, hook: _Hook) -> str:
        peer, forwarded = hook.exchange.peer, hook.headers.get(FORWARDED_HEADER, "")
        return client_address(peer[0], forwarded, self.relay.trusted_proxies) if peer else ""

    def _accepted(self, hook: _Hook, proof: str, accepted: Accepted) -> VendorAnswer:
        source = hook.source
        self.metrics.count_delivery(source, accepted)
        reasons = accepted.texts
        log = self._log.warning if accepted.quarantine_code else self._log.info
        log(
            "delivery",
            delivery=accepted.delivery,
            trace=trace_of(accepted.delivery).id,
            source=source,
            client=self._client(hook),
            proof=proof,
            outcomes=accepted.outcomes,
            events=accepted.events,
            reasons=reasons,
        )
        if accepted.quarantine_code == INVALID_JSON:
            return responses.invalid_json(accepted.delivery, reasons[0])
        if accepted.quarantine_code == UNMAPPED and not accepted.events:
            return responses.unmapped(accepted.delivery, reasons)
        if accepted.quarantine_code and not accepted.events:
            code = accepted.quarantine_code
            reason = next(reason.text for reason in accepted.reasons if reason.code == code)
            return responses.quarantined(accepted.delivery, reason)
        if accepted.events:
            if not accepted.repeated:
                self.on_stored()
            return responses.stored(accepted.delivery, accepted.events, reasons, repeated=accepted.repeated)
        return responses.ignored(accepted.delivery, reasons)

    async def probe(self, path: str) -> VendorAnswer:
        """Answer one of PROBES."""
        if path == "/healthz":
            return responses.ALIVE
        fault = await self.readiness.probe()
        return responses.unavailable(fault) if fault else responses.READY

    async def _probe(self, exchange: Exchange) -> None:
        exchange.answer(*await self.probe(exchange.path))


def _reason(error: BaseException) -> str:
    return "the store does not answer in time" if isinstance(error, TimeoutError) else describe_error(error)
