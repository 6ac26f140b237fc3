"""The page of the API: the OpenAPI document, rendered by the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from gitdailies_dora.pages.frame.request_context import Visit
from gitdailies_dora.pages.frame.site import EVERYONE, Page, Site
from gitdailies_dora.pages.settings import reference_view

DOCS = "/docs"


class ReferencePage:
    """The page of one document. It is open to everybody, as the document is."""

    def __init__(self, site: Site, document: Mapping[str, Any]) -> None:
        self._site = site
        self._document = document

    def pages(self) -> list[Page]:
        return [Page(DOCS, self.show, needs=EVERYONE)]

    async def show(self, visit: Visit) -> Response:
        """Show every operation and every model."""
        info = self._document.get("info", {})
        return self._site.render(
            visit,
            "reference.html",
            title=info.get("title", "API"),
            version=info.get("version", ""),
            about=reference_view.markdown(info.get("description", "")),
            operations=reference_view.operations(self._document, visit.origin),
            models=reference_view.models(self._document),
        )
