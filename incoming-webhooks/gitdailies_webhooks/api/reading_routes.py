"""What readers ask for: figures, reasons and pages, and corrections of what they find there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import RelayAddress
from gitdailies_connection.config.sign_in import SignInSettings
from starlette.routing import Route, Router

from gitdailies_webhooks.api.corrections import CorrectionsApi
from gitdailies_webhooks.api.details import DetailsApi
from gitdailies_webhooks.api.events import EventApi
from gitdailies_webhooks.api.metrics import MetricsApi
from gitdailies_webhooks.api.review import ReviewApi
from gitdailies_webhooks.api.series import SeriesApi
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.pages.connect import ConnectPages
from gitdailies_webhooks.pages.routes import routes
from gitdailies_webhooks.pages.site import FIGURES, Page, Site


class ReadingRoutes:
    """The site, its `first` page, and the `router` of all that readers ask for; as `create_app` describes."""

    def __init__(
        self,
        store: EventStore,
        log: Any,
        *,
        clock: Callable[[], datetime],
        public: str,
        deriver: Deriver,
        events: EventApi,
        teams: Teams,
        corrections: str,
        relays: Sequence[RelayAddress],
        sign_in: SignInSettings,
    ) -> None:
        answered = store, deriver, clock
        review = ReviewApi(
            *answered,
            events.key_that_reads,
            authenticate_correction=events.key_that_corrects,
            teams=teams,
            public=public,
        )
        self.site = Site(
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
        self.first = self.site.endpoint(Page("/", ConnectPages(self.site).first, needs=FIGURES))
        self.router = Router(
            [
                # Its path is also one of the details.
                Route("/api/events/{id:path}", events.delete, methods=["DELETE"]),
                *MetricsApi(*answered, events.key_that_reads, teams).routes(),
                *review.routes(),
                *SeriesApi(*answered, events.key_that_reads, teams).routes(),
                *CorrectionsApi(*answered, events.key_that_corrects).routes(),
                *DetailsApi(*answered, events.key_that_reads).routes(),
                *routes(self.site, events.openapi),
            ],
            redirect_slashes=False,
        )
