"""What `webhooks` of gitdailies.yml says, in force on a server, and exchanged while it runs."""

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
from gitdailies_webhooks.events.store import Store
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.mirrors.worker import MirrorReader


class _Retiring(Deriver):
    """A deriver that, once stopped, derives no more, whoever still asks it to.

    A request that began under earlier settings would else take away the rows of the later ones.
    """

    _retired = False

    async def derive(self) -> None:
        if not self._retired:
            await super().derive()

    async def stop(self) -> None:
        self._retired = True
        await super().stop()
        async with self._turn:  # behind all that requests have begun
            pass


class _Served:
    """The parts of a server that settings decide on."""

    def __init__(
        self, store: Store, said: WebhooksSettings, clock: Callable[[], datetime], log: Any, public: str
    ) -> None:
        settings = Settings.of(said)
        self.said = said
        self._reader = MirrorReader(store, said.mirrors, settings, clock, log)
        self._deriver = _Retiring(store, settings, clock, log, self._reader.changed)
        self.app: ASGIApp = create_app(
            store,
            log,
            clock=clock,
            public=public,
            deriver=self._deriver,
            trusted_proxies=said.trusted_proxies,
        )

    def start(self) -> None:
        self._deriver.start()
        self._reader.start()

    async def stop(self) -> None:
        await self._reader.stop()
        await self._deriver.stop()


class InForce:
    """The application of a server, by the settings that are in force: a request ends by those it began with.

    `start` it in the event loop of its store, `stop` it before the store closes. Raises UsageError
    for settings that cannot be.
    """

    def __init__(
        self, store: Store, said: WebhooksSettings, clock: Callable[[], datetime], log: Any, public: str = ""
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._public = public
        self._served = self._serve(said)
        self._turn = asyncio.Lock()
        self._stopped = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._served.app(scope, receive, send)

    def start(self) -> None:
        self._served.start()

    async def stop(self) -> None:
        async with self._turn:
            self._stopped = True
            await self._served.stop()

    async def take(self, said: WebhooksSettings) -> list[str]:
        """Put *said* in force as a start with it would, or raise and change nothing; return what changed."""
        async with self._turn:
            old = self._served
            changed = [name for name, value in vars(said).items() if value != getattr(old.said, name)]
            if changed and not self._stopped:
                new = self._serve(said)
                await old.stop()
                self._served = new
                new.start()
        return changed

    def _serve(self, said: WebhooksSettings) -> _Served:
        return _Served(self._store, said, self._clock, self._log, self._public)


async def reload_for_ever(
    in_force: InForce, reload: Callable[[], WebhooksSettings], reloading: asyncio.Event, log: Any
) -> None:
    """Take what *reload* returns each time that *reloading* is set; what is wrong leaves the old in force."""
    while True:
        await reloading.wait()
        reloading.clear()
        try:
            changed = await in_force.take(reload())
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, the old one stays in force
            log.error("settings of webhooks left as they were", reason=describe_error(error))
        else:
            log.info("settings of webhooks read again", changed=changed)
