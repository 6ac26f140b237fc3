"""The application of a server, built again when `webhooks` of gitdailies.yml changes while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gitdailies_connection.config.settings import WebhooksSettings
from gitdailies_server.logging.setup import describe_error
from starlette.types import ASGIApp, Receive, Scope, Send

from gitdailies_webhooks.api.app import create_app
from gitdailies_webhooks.derived.worker import Deriver
from gitdailies_webhooks.events.store import EventStore
from gitdailies_webhooks.figures.settings import FigureSettings
from gitdailies_webhooks.figures.teams import Teams
from gitdailies_webhooks.mirrors.worker import MirrorWorker
from gitdailies_webhooks.operations.metrics import ReceiverMetrics
from gitdailies_webhooks.operations.readiness import Readiness


class _ConfiguredApp:
    """The parts of a server that depend on settings."""

    def __init__(
        self,
        store: EventStore,
        settings: WebhooksSettings,
        clock: Callable[[], datetime],
        log: Any,
        public: str,
        *,
        measured: ReceiverMetrics,
        readiness: Readiness,
    ) -> None:
        figures = FigureSettings.of(settings)
        self.settings = settings
        self._mirrors = MirrorWorker(store, settings.mirrors, figures, clock, log)
        self._deriver = Deriver(store, figures, clock, log, self._mirrors.changed)
        self.app: ASGIApp = create_app(
            store,
            log,
            clock=clock,
            public=public,
            deriver=self._deriver,
            teams=Teams(settings.teams),
            trusted_proxies=settings.trusted_proxies,
            measured=measured,
            readiness=readiness,
            corrections=settings.corrections,
            relays=settings.relay,
            sign_in=settings.sign_in,
        )

    def start(self) -> None:
        self._deriver.start()
        self._mirrors.start()

    async def stop(self) -> None:
        await self._mirrors.stop()
        await self._deriver.stop()


class ReloadableApp:
    """The application with its current settings; a request keeps the settings with which it began.

    `start` it in the event loop of its store; `stop` it before the store closes. Raises UsageError for
    settings that are not possible.
    """

    def __init__(
        self,
        store: EventStore,
        settings: WebhooksSettings,
        clock: Callable[[], datetime],
        log: Any,
        public: str = "",
        *,
        measured: ReceiverMetrics | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._public = public
        self.measured = measured or ReceiverMetrics()
        self.readiness = Readiness(store)
        self._current = self._build(settings)
        self._turn = asyncio.Lock()
        self._stopped = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._current.app(scope, receive, send)

    def start(self) -> None:
        self._current.start()

    async def stop(self) -> None:
        async with self._turn:
            self._stopped = True
            await self._current.stop()

    async def apply(self, settings: WebhooksSettings) -> list[str]:
        """Use *settings* from now on and return the names of those that changed.

        Raises UsageError, as a start with them would, and then changes nothing.
        """
        async with self._turn:
            old = self._current
            changed = [n for n, value in vars(settings).items() if value != getattr(old.settings, n)]
            if changed and not self._stopped:
                new = self._build(settings)
                await old.stop()
                self._current = new
                new.start()
        return changed

    def _build(self, settings: WebhooksSettings) -> _ConfiguredApp:
        return _ConfiguredApp(
            self._store,
            settings,
            self._clock,
            self._log,
            self._public,
            measured=self.measured,
            readiness=self.readiness,
        )


async def reload_when_set(
    app: ReloadableApp, reload: Callable[[], WebhooksSettings], reloading: asyncio.Event, log: Any
) -> None:
    """Apply what *reload* returns each time *reloading* is set; after an error the old settings stay."""
    while True:
        await reloading.wait()
        reloading.clear()
        try:
            changed = await app.apply(reload())
        except Exception as error:  # noqa: BLE001  after any error the server goes on with the old settings
            app.measured.reload_failed = True
            log.error("webhooks settings not reloaded", reason=describe_error(error))
        else:
            app.measured.reload_failed = False
            log.info("webhooks settings reloaded", changed=changed)
