"""The DORA server over HTTP: the application with its routes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitdailies_core.errors import GitDailiesError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gitdailies_dora.api.access import KeyAccess
from gitdailies_dora.api.endpoint import routes
from gitdailies_dora.api.events import EventApi
from gitdailies_dora.api.middleware import ClientAddress, ErrorResponses, Guard, is_browser
from gitdailies_dora.operations.installation import Installation
from gitdailies_dora.operations.readiness import alive

if TYPE_CHECKING:
    from gitdailies_dora.api.reading_routes import ReadingRoutes


def create_app(here: Installation) -> Starlette:
    """Return the application that serves a store."""
    access = KeyAccess(here)
    events = EventApi(here, access)
    made: list[ReadingRoutes] = []

    def make() -> ReadingRoutes:
        # Templates, NumPy and a hundred modules, so that a server that starts again soon takes events.
        from gitdailies_dora.api.reading_routes import ReadingRoutes

        made.append(ReadingRoutes(here, access))
        return made[0]

    async def reading() -> ReadingRoutes:
        # In a thread, so that other requests are answered meanwhile.
        return made[0] if made else await asyncio.to_thread(make)

    errors = ErrorResponses(reading, here.log)

    async def document(_: Request) -> Response:
        """Return the OpenAPI document."""
        return JSONResponse((await reading()).document)

    async def index(request: Request) -> Response:
        """Show a browser the first page, and a program the paths of the API."""
        return await (await reading()).first(request) if is_browser(request) else await events.index(request)

    async def others(scope: Scope, receive: Receive, send: Send) -> None:
        await (await reading()).router(scope, receive, send)

    header = here.settings.sign_in.header
    app = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", here.readiness.ready, methods=["GET"]),
            Route("/openapi.json", document, methods=["GET"]),
            *routes(events),
        ],
        middleware=[
            Middleware(
                ClientAddress,
                trusted=here.settings.trusted_proxies,
                only_trusted=() if header is None else header.names,
            ),
            Middleware(
                Guard,
                log=here.log,
                respond=errors.respond,
                count=here.measured.count_request,
                secure=here.public.startswith("https:"),
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
    app.state.reading = make
    return app
