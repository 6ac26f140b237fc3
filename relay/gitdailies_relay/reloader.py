"""Takes over a configuration that was read again while the relay runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from gitdailies_connection.config.settings import Configuration
from gitdailies_connection.http.sender import Sender
from gitdailies_core.sources import registry
from gitdailies_server.logging.setup import describe_error

from gitdailies_relay.delivery.worker import DeliveryWorker
from gitdailies_relay.intake.app import IntakeApp, IntakeSettings

LOG = structlog.get_logger("gitdailies.relay")


def intake_settings(configuration: Configuration, environ: Mapping[str, str]) -> IntakeSettings:
    """Load what the sources need; raises ConfigurationError for a missing adapter or secret."""
    sources = configuration.sources
    return IntakeSettings(
        sources=sources,
        adapters={name: registry.adapter(source.adapter) for name, source in sources.items()},
        secrets={name: [s.read(environ) for s in source.secrets] for name, source in sources.items()},
        routes=configuration.routes,
    )


class Reloader:
    """Applies new configurations to intake and worker. `failed`: the last one had errors."""

    def __init__(
        self,
        app: IntakeApp,
        worker: DeliveryWorker,
        configuration: Configuration,
        environ: Mapping[str, str],
    ) -> None:
        self.failed = False
        self._app = app
        self._worker = worker
        self._configuration = configuration
        self._environ = environ

    async def run(self, reload: Callable[[], Configuration] | None, reloading: asyncio.Event | None) -> None:
        """Whenever *reloading* is set, apply what *reload* returns. One with errors changes nothing."""
        while reload is not None and reloading is not None:
            await reloading.wait()
            reloading.clear()
            try:
                await self.apply(reload())
            except Exception as error:  # noqa: BLE001  after any error the old one stays active
                self.failed = True
                LOG.error("configuration not reloaded", reason=describe_error(error))
            else:
                self.failed = False
                LOG.info("configuration reloaded")

    async def apply(self, new: Configuration) -> None:
        """Make *new* the active configuration, all of it or nothing; raises ConfigurationError."""
        old = self._configuration
        settings = intake_settings(new, self._environ)
        if new.gitdailies != old.gitdailies:
            new.gitdailies.key.read(self._environ)
            sender = Sender.to(new.gitdailies, in_flight=old.relay.in_flight)
            await self._worker.redirect(new.gitdailies, sender)
        self._app.settings = settings
        changed = [name for name, value in vars(new.relay).items() if value != getattr(old.relay, name)]
        if changed:
            LOG.warning("settings of relay need a restart", settings=changed)
        self._configuration = replace(new, relay=old.relay)
