"""Every page, as routes of the application."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from gitdailies_dora.pages.deliveries.delivery_actions import DeliveryActionPages
from gitdailies_dora.pages.deliveries.delivery_pages import DeliveryPages
from gitdailies_dora.pages.deliveries.refused import RefusedPages
from gitdailies_dora.pages.deliveries.services import ServicePages
from gitdailies_dora.pages.events.corrections import CorrectionPages
from gitdailies_dora.pages.events.event_pages import EventPages
from gitdailies_dora.pages.frame.site import STATIC, Page, Site
from gitdailies_dora.pages.overview.figures_page import DoraPage
from gitdailies_dora.pages.overview.review import ReviewPage
from gitdailies_dora.pages.settings.connect import ConnectPages
from gitdailies_dora.pages.settings.help_page import HelpPages
from gitdailies_dora.pages.settings.members import PeoplePages
from gitdailies_dora.pages.settings.reference import ReferencePage
from gitdailies_dora.pages.settings.screens import ScreenPages
from gitdailies_dora.pages.settings.sign_in import SignInPages
from gitdailies_dora.pages.settings.single_sign_on import SingleSignOnPages
from gitdailies_dora.pages.settings.tokens import TokenPages
from gitdailies_dora.pages.settings.webhook_keys import SettingsPages

_GROUPS = (
    *(SignInPages, SingleSignOnPages, ConnectPages, EventPages, CorrectionPages, ReviewPage, DoraPage),
    *(SettingsPages, PeoplePages, TokenPages, ScreenPages, HelpPages),
    # Addresses of its own come before those with a relay's name in them.
    *(ServicePages, RefusedPages, DeliveryActionPages, DeliveryPages),
)
# The address of a file contains a checksum of the file.
_STATIC_HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def pages(site: Site, document: Mapping[str, Any]) -> list[Page]:
    """Return all pages; *document* is the OpenAPI document that one of them shows."""
    found = [page for group in _GROUPS for page in group(site).pages()]
    return [*found, *ReferencePage(site, document).pages()]


def routes(site: Site, document: Mapping[str, Any]) -> list[BaseRoute]:
    """Return the routes of all pages, and of their style, script and icon."""
    return [
        *(Route(page.path, site.endpoint(page), methods=[page.method]) for page in pages(site, document)),
        *(Route(f"/static/{file.name}", _static, methods=["GET"]) for file in sorted(STATIC.iterdir())),
    ]


async def _static(request: Request) -> Response:
    # The route matches only names of files that exist.
    name = str(request.scope["path"]).rpartition("/")[2]
    return FileResponse(STATIC / name, headers=_STATIC_HEADERS)
