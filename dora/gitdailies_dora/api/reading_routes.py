"""What readers ask for: figures, reasons and pages, and corrections of what they find there."""

from __future__ import annotations

from starlette.routing import Router

from gitdailies_dora.api.access import KeyAccess
from gitdailies_dora.api.endpoint import routes as endpoint_routes
from gitdailies_dora.api.openapi import READING, document
from gitdailies_dora.operations.installation import Installation
from gitdailies_dora.pages.frame.site import FIGURES, Page, Site
from gitdailies_dora.pages.routes import routes
from gitdailies_dora.pages.settings.connect import ConnectPages


class ReadingRoutes:
    """The site, its `first` page, the OpenAPI `document`, and the `router` of all that readers ask for."""

    def __init__(self, here: Installation, access: KeyAccess) -> None:
        self.document = document(here.kinds)
        self.site = Site(here)
        self.first = self.site.endpoint(Page("/", ConnectPages(self.site).first, needs=FIGURES))
        self.router = Router(
            [
                *(route for group in READING for route in endpoint_routes(group(here, access))),
                *routes(self.site, self.document),
            ],
            redirect_slashes=False,
        )
