"""Every page, as routes of the application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.pages.dora import Dora
from gitdailies_webhooks.pages.events import Events
from gitdailies_webhooks.pages.members import Members
from gitdailies_webhooks.pages.settings import Settings
from gitdailies_webhooks.pages.sign_in import Entry
from gitdailies_webhooks.pages.site import STATIC, Page, Site

# Their addresses carry a checksum of what is in them.
_STATIC_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def pages(site: Site) -> list[Page]:
    """Return all there are."""
    return [page for part in (Entry, Events, Dora, Settings, Members) for page in part(site).pages()]


def routes(site: Site) -> list[BaseRoute]:
    """Return the routes of all pages, and of their style, script and icon."""
    return [
        *(Route(page.path, site.endpoint(page), methods=[page.method]) for page in pages(site)),
        *(Route(f"/static/{file.name}", _static, methods=["GET"]) for file in sorted(STATIC.iterdir())),
    ]


async def _static(request: Request) -> Response:
    # The route matched one of the files' names as it stands.
    name = str(request.scope["path"]).rpartition("/")[2]
    return FileResponse(STATIC / name, headers=_STATIC_HEADERS)
