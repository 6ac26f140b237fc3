"""Takes over a configuration that was read again while the relay runs."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog
from gitdailies_connection.config.sections.settings import Configuration, Source
from gitdailies_connection.config.sections.sources import adapter_of, refuse_unfit
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import VariableNotSet
from gitdailies_core.sources.protocol import Adapter, Certified
from gitdailies_core.values.renames import Renames
from gitdailies_server.logging.setup import describe_error

from gitdailies_relay.delivery.senders import most_connections
from gitdailies_relay.delivery.worker import DeliveryWorker
from gitdailies_relay.intake.app import IntakeApp, IntakeSettings
from gitdailies_relay.intake.source_secrets import SourceSecrets
from gitdailies_relay.store.deploys import join_names
from gitdailies_relay.store.store import RelayStore

LOG = structlog.get_logger("gitdailies.relay")


def intake_settings(
    configuration: Configuration,
    environ: Mapping[str, str],
    certificates: Mapping[str, bytes],
) -> IntakeSettings:
    """Load what the sources need; raises ConfigurationError for a missing adapter or secret.

    *certificates*, by address, are read at each proof; they may change meanwhile.
    """
    sources = configuration.sources
    return IntakeSettings(
        sources=sources,
        adapters={name: _adapter(source, certificates) for name, source in sources.items()},
        secrets={
            name: SourceSecrets(source.secrets, environ, partial(refuse_unfit, source))
            for name, source in sources.items()
        },
        routes=configuration.routes,
    )


def _adapter(source: Source, certificates: Mapping[str, bytes]) -> Adapter:
    adapter = adapter_of(source)
    return adapter.with_certificates(certificates) if isinstance(adapter, Certified) else adapter


@dataclass
class Reloader:
    """Applies new configurations to intake and worker. `failed`: the last one had errors."""

    app: IntakeApp
    worker: DeliveryWorker
    store: RelayStore
    configuration: Configuration
    environ: Mapping[str, str]
    certificates: Mapping[str, bytes]
    reload: Callable[[], Configuration]
    failed: bool = False

    async def run(self, reloading: asyncio.Event) -> None:
        """Whenever *reloading* is set, apply what `reload` returns. One with errors changes nothing."""
        while True:
            await reloading.wait()
            reloading.clear()
            with contextlib.suppress(Exception):
                await self.reload_now()

    async def reload_now(self) -> None:
        """Apply what `reload` returns. After any error, which is raised again, the old one stays active."""
        try:
            await self.apply(self.reload())
        except Exception as error:
            self.failed = True
            reason = describe_error(error)
            if isinstance(error, VariableNotSet):
                reason += "; a running relay has the variables of its start: restart it, or use {file: PATH}"
            LOG.error("configuration not reloaded", reason=reason)
            self.store.database.note_reload(reason)
            raise
        self.failed = False
        self.store.database.note_reload()
        LOG.info("configuration reloaded")

    async def join_names(self, renames: Renames) -> None:
        """Let deploys continue from the commits remembered under former names of their repositories."""
        if renames.pairs:
            await self.store.run(partial(join_names, renames=renames))

    async def apply(self, new: Configuration) -> None:
        """Make *new* the active configuration, all of it or nothing; raises ConfigurationError."""
        old = self.configuration
        settings = intake_settings(new, self.environ, self.certificates)
        if new.gitdailies != old.gitdailies:
            new.gitdailies.key.read(self.environ)
            sender = Sender.to(new.gitdailies, in_flight=most_connections(old.relay.in_flight))
            await self.worker.redirect(new.gitdailies, sender)
        self.app.metrics.expect(settings.sources)
        self.app.settings = settings
        # The configuration is set last, so that the next reload tries again what the store refused.
        if new.routes.renames != old.routes.renames:
            await self.join_names(new.routes.renames)
        changed = [name for name, value in vars(new.relay).items() if value != getattr(old.relay, name)]
        if changed:
            LOG.warning("settings of relay need a restart", settings=changed)
        self.configuration = replace(new, relay=old.relay)
