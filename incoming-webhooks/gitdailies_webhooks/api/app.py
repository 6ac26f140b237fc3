"""The receiver over HTTP: the application with its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitdailies_connection.addresses import Network
from gitdailies_connection.config.settings import RelayAddress, WebhooksSettings
from gitdailies_connection.config.sign_in import SignInSettings
from gitdailies_core.errors import GitDailiesError
from gitdailies_core.events.events import KINDS, Kind
from gitdailies_server.storage.timestamps import utc_now
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gitdailies_webhooks.api.deferred import Deferred
from gitdailies_webhooks.api.error_responses import ErrorResponses, is_browser
from gitdailies_webhooks.api.events import EventApi
from gitdailies_webhooks.api.middleware import ClientAddress, Guard
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.operations.metrics import ReceiverMetrics
from gitdailies_webhooks.operations.readiness import Readiness, alive

if TYPE_CHECKING:
    from gitdailies_webhooks.api.reading_routes import ReadingRoutes


def create_app(
    store: EventStore,
    log: Any,
    *,
    clock: Callable[[], datetime] = utc_now,
    kinds: tuple[Kind, ...] = KINDS,
    public: str = "",
    deriver: Deriver | None = None,
    teams: Teams = Teams(),  # noqa: B008  it is never changed
    trusted_proxies: Sequence[Network] = (),
    measured: ReceiverMetrics | None = None,
    readiness: Readiness | None = None,
    corrections: str = WebhooksSettings.corrections,
    relays: Sequence[RelayAddress] = (),
    sign_in: SignInSettings = SignInSettings(),  # noqa: B008  frozen
) -> Starlette:
    """Return the application that serves *store*.

    *public* is the address of a proxy in front of it, or "". The client address that *trusted_proxies*
    report is believed. *measured* counts requests and events. *corrections* says who may correct on pages.
    The pages show the deliveries of *relays*. *sign_in* are the ways in for people.
    """
    measured = measured or ReceiverMetrics()
    readiness = readiness or Readiness(store)
    deriver = deriver or Deriver(store, FigureSettings(), clock, log)
    events = EventApi(
        store,
        log,
        clock=clock,
        kinds=kinds,
        deriver=deriver,
        teams=teams,
        count_events=measured.count_events,
    )

    def make_reading() -> ReadingRoutes:
        # Templates, NumPy and a hundred modules, which a server that only receives events never needs.
        from gitdailies_webhooks.api.reading_routes import ReadingRoutes

        return ReadingRoutes(
            store,
            log,
            clock=clock,
            public=public,
            deriver=deriver,
            events=events,
            teams=teams,
            corrections=corrections,
            relays=relays,
            sign_in=sign_in,
        )

    reading = Deferred(make_reading)
    errors = ErrorResponses(reading, log)

    async def index(request: Request) -> Response:
        """Show a browser the first page, and a program the paths of the API."""
        if not is_browser(request):
            return await events.index(request)
        return await (await reading.arrive()).first(request)

    async def others(scope: Scope, receive: Receive, send: Send) -> None:
        await (await reading.arrive()).router(scope, receive, send)

    app = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", readiness.ready, methods=["GET"]),
            Route("/openapi.json", events.document, methods=["GET"]),
            Route("/webhooks", events.receive, methods=["POST"]),
            Route("/webhooks", events.permit, methods=["OPTIONS"]),
            Route("/webhooks/ping", events.ping, methods=["POST"]),
            Route("/api/events", events.list_events, methods=["GET"]),
        ],
        middleware=[
            Middleware(
                ClientAddress,
                trusted=trusted_proxies,
                only_trusted=() if sign_in.header is None else sign_in.header.names,
            ),
            Middleware(
                Guard,
                log=log,
                respond=errors.respond,
                count=measured.count_request,
                secure=public.startswith("https:"),
            ),
        ],
        exception_handlers={
            GitDailiesError: errors.for_our_error,
            HTTPException: errors.for_router_error,
        },
    )
    # Half of the clients would lose the body of a request that is redirected. It gets an error instead.
    app.router.redirect_slashes = False
    app.router.default = others
    app.state.reading = reading
    return app
