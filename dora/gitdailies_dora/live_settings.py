"""The application of a server, built again when `dora` of gitdailies.yml changes while it runs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from gitdailies_connection.config.document.errors import setting_name
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_core.errors import GitDailiesError, UsageError
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.readiness import Readiness
from starlette.types import ASGIApp, Receive, Scope, Send

from gitdailies_dora.accounts.audit import note_settings
from gitdailies_dora.accounts.keyless.issuer_keys import IssuerKeys
from gitdailies_dora.api.app import create_app
from gitdailies_dora.derived.read.figures.known_names import unknown_in_teams
from gitdailies_dora.derived.worker import Deriver
from gitdailies_dora.events.store import EventStore
from gitdailies_dora.figures.history.settings import FigureSettings
from gitdailies_dora.mirrors.worker import MirrorWorker
from gitdailies_dora.operations.installation import Installation
from gitdailies_dora.operations.metrics import ReceiverMetrics


@dataclass(frozen=True)
class _ConfiguredApp:
    """The application with settings, and what works in the background with them."""

    settings: DoraSettings
    app: ASGIApp
    _mirrors: MirrorWorker
    _deriver: Deriver

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
        settings: DoraSettings,
        clock: Callable[[], datetime],
        log: Any,
        public: str = "",
        *,
        measured: ReceiverMetrics | None = None,
    ) -> None:
        self._store, self.database = store, store.database
        self._clock = clock
        self._log = log
        self._public = public
        self.measured = measured or ReceiverMetrics()
        self.readiness = Readiness(store)
        self._issuer_keys = IssuerKeys()
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

    async def apply(self, settings: DoraSettings) -> list[str]:
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
                await self.note_settings()
        return [name for name in changed if name != "where"]

    async def note_settings(self) -> None:
        """Write into the audit trail which settings that make the figures are others than before."""
        values = {setting_name(place): value for place, value in self._current.settings.in_force.items()}
        with suppress(GitDailiesError):  # the figures do not depend on it, and the next start writes it
            await self._store.write(partial(note_settings, now=self._clock(), values=values))

    async def names_without_events(self) -> list[str]:
        """Return a sentence about each name in `teams` that has no events."""
        settings = self._current.settings
        find = partial(unknown_in_teams, teams=settings.teams, settings=FigureSettings.of(settings))
        return await self._store.ask(find)

    def _build(self, settings: DoraSettings) -> _ConfiguredApp:
        if settings.trusted_ci and not self._public:
            raise UsageError(
                "dora.trusted_ci: ID tokens are for the address of this server, which it does not know; "
                "start it with --public-url https://dora.example.com, or set GITDAILIES_PUBLIC_URL"
            )
        figures, (store, clock, log) = FigureSettings.of(settings), (self._store, self._clock, self._log)
        mirrors = MirrorWorker(store, settings.mirrors, figures, clock, log, settings.service_paths)
        deriver = Deriver(store, figures, clock, log, mirrors.changed)
        here = Installation(
            store=store,
            log=log,
            clock=clock,
            deriver=deriver,
            readiness=self.readiness,
            measured=self.measured,
            settings=settings,
            public=self._public,
            issuer_keys=self._issuer_keys,
        )
        return _ConfiguredApp(settings, create_app(here), mirrors, deriver)


async def reload_when_set(
    app: ReloadableApp, reload: Callable[[], DoraSettings], reloading: asyncio.Event, log: Any
) -> None:
    """Apply what *reload* returns each time *reloading* is set; after an error the old settings stay."""
    while True:
        await reloading.wait()
        reloading.clear()
        try:
            changed = await app.apply(reload())
        except Exception as error:  # noqa: BLE001  after any error the server goes on with the old settings
            app.measured.reload_failed = True
            log.error("dora settings not reloaded", reason=describe_error(error))
            app.database.note_reload(describe_error(error))
        else:
            app.measured.reload_failed = False
            app.database.note_reload()
            log.info("dora settings reloaded", changed=changed)
            with suppress(GitDailiesError):
                for text in await app.names_without_events():
                    log.warning("a name in teams has no events", reason=text)
