"""The DORA server over HTTP: the application with its routes."""

from gitdailies_core.errors import GitDailiesError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gitdailies_dora.api.access import KeyAccess
from gitdailies_dora.api.endpoint import routes
from gitdailies_dora.api.events import EventApi
from gitdailies_dora.api.middleware import ClientAddress, ErrorResponses, Guard, is_browser
from gitdailies_dora.api.openapi import READING, document
from gitdailies_dora.operations.installation import Installation
from gitdailies_dora.operations.readiness import alive, ready
from gitdailies_dora.pages.frame.site import FIGURES, Page, Site
from gitdailies_dora.pages.routes import routes as page_routes
from gitdailies_dora.pages.settings.connect import ConnectPages


def create_app(here: Installation) -> Starlette:
    """Return the application that serves a store."""
    access, site, description = KeyAccess(here), Site(here), document()
    groups = [group(here, access) for group in (EventApi, *READING)]
    first = site.endpoint(Page("/", ConnectPages(site).first, needs=FIGURES))
    errors = ErrorResponses(site, here.log)

    async def described(_: Request) -> Response:
        """Return the OpenAPI document."""
        return JSONResponse(description)

    async def index(request: Request) -> Response:
        """Show a browser the first page, and a program the reference."""
        return await (first if is_browser(request) else described)(request)

    header = here.settings.sign_in.header
    app = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/healthz", alive, methods=["GET"]),
            Route("/readyz", ready(here.readiness), methods=["GET"]),
            Route("/openapi.json", described, methods=["GET"]),
            *(route for group in groups for route in routes(group)),
            *page_routes(site, description),
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
    return app
