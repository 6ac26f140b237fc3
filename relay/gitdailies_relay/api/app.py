"""The second listener: health, metrics, status, and an API of deliveries with a key.

By default it is for this machine alone. All but health is for requests to a name of ours, because a web page
must not read it.

| request                                              | answer                                    |
| ---------------------------------------------------- | ----------------------------------------- |
| without `relay.status_key` in gitdailies.yml         | 403, and how to switch it on              |
| without the key, or with another one                 | 401                                       |
| wrong parameters or fields                           | 400: where, expected, got                 |
| unknown delivery, unknown path                       | 404                                       |
| wrong method                                         | 405                                       |
| an action on many that were others when counted      | 409, with the number now                  |
| a line of a service, for a file that is not written  | 403, and what to do by hand               |
| the store cannot be read or written                  | 503 with Retry-After                      |
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import structlog
from gitdailies_connection.config.config_file import ConfigFile
from gitdailies_connection.config.sections.settings import Configuration, Source
from gitdailies_connection.relay import answers
from gitdailies_core.errors import ConfigurationError, GitDailiesError, StoreUnavailable, UsageError
from gitdailies_core.values import strict_json
from gitdailies_core.values.secret import Secret
from gitdailies_server.http.allowed_hosts import AllowedHosts
from gitdailies_server.http.asgi import body_of
from gitdailies_server.http.request_body import BodyFault
from gitdailies_server.readiness import SCRAPE_SECONDS
from gitdailies_server.storage.database import Session, transaction
from gitdailies_server.storage.timestamps import from_us, now_us
from msgspec import structs
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gitdailies_relay.api import questions
from gitdailies_relay.api.examples import send_example
from gitdailies_relay.api.service_writing import with_line
from gitdailies_relay.intake.app import BODY_SECONDS, PROBES, IntakeApp
from gitdailies_relay.operations import acting, deliveries, services
from gitdailies_relay.operations.acting import DeliveryActions, Order
from gitdailies_relay.operations.deliveries import DeliveryChoice
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_relay.operations.outcomes import ACTIONS, CLOSE, IGNORED, REPLAY, UNMAPPED
from gitdailies_relay.store import refusals
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")

LARGEST_BODY = 64 * 1024
RETRY_AFTER_SECONDS = 5
_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
_AN_OBJECT = "body: expected a JSON object, got"

Found = TypeVar("Found")
Endpoint: TypeAlias = Callable[[Request], Awaitable[answers.RelayAnswer]]


class Stopped(Exception):
    """A request that has a *problem*, which is answered with a status and headers."""

    def __init__(
        self, status: int, problem: answers.RelayAnswer, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.response = _json(problem, status, headers)


@dataclass
class StatusListener:
    """Answers requests to the status address.

    *status* returns the state of the relay, *health* what the process knows without its store. *on_acted* is
    called when events may wait that did not wait before. The relay takes deliveries at *address*, and knows
    its own examples by *token*. With *reload*, which takes over a changed file, lines of services are written
    into gitdailies.yml; without it the file is left to people.
    """

    intake: IntakeApp
    store: RelayStore
    metrics: RelayMetrics
    status: Callable[[], answers.RelayStatus]
    health: Callable[[], answers.ServerState]
    configuration: Configuration
    environ: Mapping[str, str]
    on_acted: Callable[[], None]
    address: str
    token: Secret
    reload: Callable[[], Awaitable[None]] | None = None
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def application(self) -> Starlette:
        """Return it as an application of ASGI."""
        keyed: Sequence[tuple[str, str, Endpoint]] = (
            ("GET", "/deliveries", self._list),
            ("POST", "/deliveries/actions", self._act_on_many),
            ("GET", "/deliveries/{id}", self._show),
            *(("POST", f"/deliveries/{{id}}/{action}", partial(self._act, action)) for action in ACTIONS),
            ("GET", "/refusals", self._refusals),
            ("GET", "/services", self._services),
            ("POST", "/services", self._map),
            ("POST", "/sources/{name}/example", self._send_example),
            ("POST", "/pause", partial(self._pause, ends=False)),
            ("POST", "/resume", partial(self._pause, ends=True)),
        )
        app = Starlette(
            routes=[
                *(Route(path, self._probe, methods=["GET"]) for path in PROBES),
                Route("/metrics", self._metrics, methods=["GET"]),
                Route("/status", self._status, methods=["GET"]),
                *(Route(path, self._keyed(answer), methods=[method]) for method, path, answer in keyed),
            ],
            exception_handlers=dict.fromkeys(
                (Stopped, StoreUnavailable, GitDailiesError, HTTPException), _refusal
            ),
        )
        app.router.redirect_slashes = False
        return app

    def _keyed(self, answer: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        @wraps(answer)
        async def endpoint(request: Request) -> Response:
            self._check_host(request)
            await asyncio.to_thread(self._check_key, request)
            return _json(await answer(request))

        return endpoint

    def _check_host(self, request: Request) -> None:
        """Refuse a request to a name that is not ours. Probes have none, and need none."""
        relay = self.configuration.relay
        hosts = AllowedHosts.of(relay.status, relay.status_hosts)
        # A request of HTTP/1.0 may have no Host, and browsers always send one.
        if not all(map(hosts.allows, request.headers.getlist("host"))):
            reason = "Host: expected the address of relay.status, localhost or a name of relay.status_hosts"
            raise Stopped(421, answers.RelayProblem("misdirected", reason))

    def _check_key(self, request: Request) -> None:
        """Refuse a request without the key. The key is read each time, so that it may be replaced."""
        setting = self.configuration.relay.status_key
        if setting is None:
            reason = (
                "this API is off; name a key for it in gitdailies.yml, relay: {status_key: {file: PATH}},"
                " and start the relay again"
            )
            raise Stopped(403, answers.RelayProblem("forbidden", reason))
        try:
            key = setting.read(self.environ)
        except ConfigurationError as error:
            LOG.error("relay.status_key not read", reason=str(error))
            raise Stopped(
                503, answers.RelayProblem("unavailable", "relay.status_key cannot be read")
            ) from None
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not key.matches(token.strip().encode()):
            reason = "Authorization: expected Bearer and the key of relay.status_key, got something else"
            raise Stopped(401, answers.RelayProblem("unauthorized", reason), {"www-authenticate": "Bearer"})

    async def _probe(self, request: Request) -> Response:
        status_code, body, fields = await self.intake.probe(request.url.path)
        return Response(body, status_code, {name.decode(): value.decode() for name, value in fields})

    async def _metrics(self, request: Request) -> Response:
        self._check_host(request)
        await self.intake.readiness.probe(SCRAPE_SECONDS)
        # In a thread, because it reads the store.
        return Response(await asyncio.to_thread(self.metrics.text), media_type=_EXPOSITION)

    async def _status(self, request: Request) -> Response:
        self._check_host(request)
        try:
            return _json(await asyncio.to_thread(self.status))
        except StoreUnavailable as error:
            return _json(answers.Unavailable("unavailable", str(error), server=self.health()), 503)

    async def _list(self, request: Request) -> answers.DeliveryPage:
        choice, limit, after = questions.listing_of(request.query_params.multi_items(), list(self._sources))
        return await self._read(lambda s: deliveries.page(s, choice, limit=limit, after=after))

    async def _show(self, request: Request) -> answers.ShownDelivery:
        choice, _, _ = questions.listing_of(request.query_params.multi_items(), list(self._sources))
        id_, routes, file = request.path_params["id"], self.intake.settings.routes, self.configuration.path
        found = await self._read(lambda s: deliveries.one(s, id_, routes, file, bodies=choice.bodies))
        if found is None:
            raise Stopped(404, answers.RelayProblem("not found", "the store has no such delivery"))
        return found

    async def _refusals(self, request: Request) -> answers.RefusalPage:
        given = questions.parameters(request.query_params.multi_items(), ("source", "limit", "after"))
        limit, source, after = questions.limit_of(given), given.get("source") or None, given.get("after")
        before = deliveries.place_of(after, "after") if after else refusals.AFTER_ALL
        return await self._read(lambda s: refusals.page(s, limit=limit, before=before, source=source))

    async def _services(self, _request: Request) -> answers.ServiceReport:
        routes, file, writable = self.intake.settings.routes, self.configuration.path, self.reload is not None
        return await self._read(lambda s: services.report(s, self._sources, routes, file, writable=writable))

    async def _map(self, request: Request) -> answers.ActionResult:
        """Change the line of a service, take it over, and replay the deliveries that waited for it."""
        file = ConfigFile(self.configuration.path)
        if self.reload is None:
            reason = f"{file.name}: this relay does not write it; write it by hand, `gitdailies reload`"
            raise Stopped(403, answers.RelayProblem("forbidden", reason))
        body = await _object(request)
        line, person = questions.line_of(body), questions.text_of(body, "person")
        async with self._writing:
            never_counted = self.intake.settings.routes.table.get(line.service.casefold()) == ()
            change = await asyncio.to_thread(file.change, partial(with_line, line=line))
            try:
                await self.reload()
            except GitDailiesError as error:
                await asyncio.to_thread(file.take_back, change)
                raise UsageError(f"{file.name}: the line stays as it was, since {error}") from None
        LOG.info("service mapped", service=line.service, change=line.change, person=person)
        ids, more = await self._chosen(DeliveryChoice(outcome=UNMAPPED, service=line.name or line.service))
        if never_counted:
            # What waited before then waits again, or counts. A line may have an id, which only bodies have.
            ignored = DeliveryChoice(outcome=IGNORED, q=line.service, bodies=True)
            again, more_again = await self._chosen(ignored)
            ids, more = sorted({*ids, *again}), more or more_again
        return structs.replace(await self._do(Order(REPLAY, person), ids), more=more)

    async def _send_example(self, request: Request) -> answers.ExampleDelivery:
        """Send an example of a source. An incident that it starts is ended at once."""
        name, person = request.path_params["name"], questions.text_of(await _object(request), "person")
        source = self._sources.get(name)
        if source is None:
            raise Stopped(404, answers.RelayProblem("not found", "gitdailies.yml has no such source"))
        secrets, now = self.intake.settings.secrets[name].current, from_us(now_us())
        id_, starts = await asyncio.to_thread(send_example, self.address, source, secrets, self.token, now)
        if starts:
            with contextlib.suppress(UsageError):  # what repeats an example starts nothing
                await self._do(Order(CLOSE, person, "it is an example"), [id_])
        return answers.ExampleDelivery(id_)

    async def _pause(self, request: Request, *, ends: bool) -> answers.PauseResult:
        """Pause or resume a source or everything, as the commands do."""
        body = await _object(request)
        source = questions.known_source(
            questions.text_of(body, "source", needed=False) or None, list(self._sources)
        )
        person, reason = questions.text_of(body, "person"), questions.text_of(body, "reason", needed=not ends)

        def change() -> acting.PauseChange:
            with transaction(self.store.database) as session:
                if ends:
                    return acting.resume(session, source, person=person)
                return acting.pause(session, source, person=person, reason=reason)

        before, now = await asyncio.to_thread(change)
        self.on_acted()
        return answers.PauseResult(before != now, now)

    async def _act(self, action: str, request: Request) -> answers.ActionResult:
        return await self._do(questions.order_of(action, await _object(request)), [request.path_params["id"]])

    async def _act_on_many(self, request: Request) -> answers.RelayAnswer:
        wanted = questions.order_for_many(await _object(request), list(self._sources), from_us(now_us()))
        ids, more = await self._chosen(wanted.choice)
        counted = _counted(wanted, ids, more=more)
        if wanted.dry_run:
            return counted
        if wanted.confirm != counted.confirm:
            reason = f"confirm: other deliveries match now than when they were counted: {len(ids)}"
            raise Stopped(409, answers.Conflict(**structs.asdict(counted), status="conflict", reason=reason))
        return structs.replace(await self._do(wanted.order, ids), more=more)

    @property
    def _sources(self) -> Mapping[str, Source]:
        return self.intake.settings.sources

    async def _chosen(self, choice: DeliveryChoice) -> tuple[list[str], bool]:
        return await self._read(lambda s: deliveries.chosen_ids(s, choice))

    async def _do(self, order: Order, ids: Sequence[str]) -> answers.ActionResult:
        actor = DeliveryActions(self.store.database, self._sources, self.intake.settings.routes)
        result = await asyncio.to_thread(actor.act, order, ids)
        self.on_acted()
        return result

    async def _read(self, read: Callable[[Session], Found]) -> Found:
        return await asyncio.to_thread(self.store.report, read)


def _json(
    answer: answers.RelayAnswer, status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps(answer, default=answers.for_json)
    return Response(body, status_code, {"cache-control": "no-store", **(headers or {})}, "application/json")


async def _refusal(_request: Request, error: Exception) -> Response:
    if isinstance(error, Stopped):
        return error.response
    if isinstance(error, StoreUnavailable):
        fields = {"retry-after": str(RETRY_AFTER_SECONDS)}
        return _json(answers.RelayProblem("unavailable", str(error)), 503, fields)
    if isinstance(error, HTTPException):  # the path, or its method, is unknown
        words = HTTPStatus(error.status_code).phrase.lower()
        return _json(answers.RelayProblem(words), error.status_code, error.headers)
    return _json(answers.RelayProblem("bad request", str(error)), 400)


async def _object(request: Request) -> Mapping[str, Any]:
    """Read a body as a JSON object; raises UsageError, and Stopped for one that does not come."""
    body = await body_of(request.scope, LARGEST_BODY, BODY_SECONDS)
    if body is BodyFault.TOO_LARGE:
        raise UsageError(f"body: expected at most {LARGEST_BODY} bytes, got more")
    if isinstance(body, BodyFault):
        raise Stopped(408, answers.RelayProblem("timeout", body.value))
    value = strict_json.loads(body)
    if not isinstance(value, dict):
        raise UsageError(f"{_AN_OBJECT} something else")
    return value


def _counted(wanted: questions.OrderForMany, ids: Sequence[str], *, more: bool) -> answers.CountedDeliveries:
    token = questions.confirmation(wanted.order.action, ids)
    return answers.CountedDeliveries(len(ids), more, token, wanted.filter)
