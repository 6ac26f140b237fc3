"""The receiver over HTTP: the application with its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

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

from gitdailies_webhooks.api.corrections import CorrectionsApi
from gitdailies_webhooks.api.details import DetailsApi
from gitdailies_webhooks.api.error_responses import ErrorResponses, is_browser
from gitdailies_webhooks.api.events import EventApi
from gitdailies_webhooks.api.metrics import MetricsApi
from gitdailies_webhooks.api.middleware import ClientAddress, Guard
from gitdailies_webhooks.api.review import ReviewApi
from gitdailies_webhooks.api.series import SeriesApi
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.operations.metrics import ReceiverMetrics
from gitdailies_webhooks.operations.readiness import Readiness, alive
from gitdailies_webhooks.pages.connect import ConnectPages
from gitdailies_webhooks.pages.routes import routes
from gitdailies_webhooks.pages.site import FIGURES, Page, Site


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
    metrics = MetricsApi(store, deriver, clock, events.key_that_reads, teams)
    series = SeriesApi(store, deriver, clock, events.key_that_reads, teams)
    review = ReviewApi(
        store,
        deriver,
        clock,
        events.key_that_reads,
        authenticate_correction=events.key_that_corrects,
        teams=teams,
        public=public,
    )
    details = DetailsApi(store, deriver, clock, events.key_that_reads)
    site = Site(
        store,
        log,
        clock,
        public,
        deriver.settings,
        deriver.catch_up,
        sign_in,
        teams=teams,
        corrections=corrections,
        relays=relays,
        unknown_keys=events.unknown_keys,
    )
    errors = ErrorResponses(site, log)
    first = site.endpoint(Page("/", ConnectPages(site).first, needs=FIGURES))

    async def index(request: Request) -> Response:
        """Show a browser the first page, and a program the paths of the API."""
        return await (first(request) if is_browser(request) else events.index(request))

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
            Route("/api/events/{id:path}", events.delete, methods=["DELETE"]),
            *metrics.routes(),
            *review.routes(),
            *series.routes(),
            *CorrectionsApi(store, deriver, clock, events.key_that_corrects).routes(),
            *details.routes(),
            *routes(site, events.openapi),
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
                secure=site.secure,
            ),
        ],
        exception_handlers={
            GitDailiesError: errors.for_our_error,
            HTTPException: errors.for_router_error,
        },
    )
    # Half of the clients would lose the body of a request that is redirected. It gets an error instead.
    app.router.redirect_slashes = False
    return app
