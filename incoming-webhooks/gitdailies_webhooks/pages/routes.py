"""Every page, as routes of the application."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_webhooks.pages.corrections import CorrectionPages
from gitdailies_webhooks.pages.dora import DoraPage
from gitdailies_webhooks.pages.events import EventPages
from gitdailies_webhooks.pages.members import PeoplePages
from gitdailies_webhooks.pages.review import ReviewPage
from gitdailies_webhooks.pages.settings import SettingsPages
from gitdailies_webhooks.pages.sign_in import SignInPages
from gitdailies_webhooks.pages.site import STATIC, Page, Site

# The address of a file contains a checksum of the file.
_STATIC_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def pages(site: Site) -> list[Page]:
    """Return all pages."""
    groups = (SignInPages, EventPages, CorrectionPages, ReviewPage, DoraPage, SettingsPages, PeoplePages)
    return [page for group in groups for page in group(site).pages()]


def routes(site: Site) -> list[BaseRoute]:
    """Return the routes of all pages, and of their style, script and icon."""
    return [
        *(Route(page.path, site.endpoint(page), methods=[page.method]) for page in pages(site)),
        *(Route(f"/static/{file.name}", _static, methods=["GET"]) for file in sorted(STATIC.iterdir())),
    ]


async def _static(request: Request) -> Response:
    # The route matches only names of files that exist.
    name = str(request.scope["path"]).rpartition("/")[2]
    return FileResponse(STATIC / name, headers=_STATIC_HEADERS)
