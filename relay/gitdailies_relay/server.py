"""The relay's process: sockets, intake and delivery worker around one store, until it is stopped."""

import asyncio
import secrets
from collections.abc import Callable, Mapping

import structlog
from gitdailies_connection.config.sections.settings import Configuration
from gitdailies_connection.http.sender import Sender
from gitdailies_connection.relay.answers import RelayStatus, ServerState
from gitdailies_core.values.secret import Secret
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.http.asgi import AsgiApplication
from gitdailies_server.http.exchange import Application
from gitdailies_server.http.listener import (
    STOP_SECONDS,
    Server,
    address_of,
    bind,
    serve_while_opening,
    stop_serving,
)
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.readiness import Readiness
from gitdailies_server.shared_metrics import VERSION

from gitdailies_relay.api.app import StatusListener
from gitdailies_relay.delivery.senders import most_connections
from gitdailies_relay.delivery.worker import DeliveryWorker
from gitdailies_relay.intake.app import IntakeApp
from gitdailies_relay.intake.certificates import Certificates
from gitdailies_relay.intake.refused_requests import RefusalCounts
from gitdailies_relay.operations.metrics import RelayMetrics
from gitdailies_relay.operations.status import status, store_location
from gitdailies_relay.reloader import Reloader, intake_settings
from gitdailies_relay.store.retention import prune_forever
from gitdailies_relay.store.store import RelayStore, database_of

LOG = structlog.get_logger("gitdailies.relay")


class RelayProcess:
    """The parts of a relay, wired together. Make it inside the event loop that runs it.

    *flag* names what to change where its address is taken. *reload* returns a new configuration,
    and one with errors changes nothing. With *writes_services*, the API adds lines under
    services to the file of the configuration, and takes them over with *reload*.
    Making it opens the sockets; raises ConfigurationError where it cannot start.
    """

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        reload: Callable[[], Configuration],
        *,
        flag: str = "relay.listen in gitdailies.yml",
        writes_services: bool = False,
    ) -> None:
        relay = configuration.relay
        # An unreadable key would pause every delivery, so it ends the start.
        configuration.gitdailies.key.read(environ)
        self._certificates = Certificates()
        settings = intake_settings(configuration, environ, self._certificates.found)
        self._relay = relay
        self._metrics = RelayMetrics()
        self._listeners = [bind(relay.listen, flag), bind(relay.status, "relay.status in gitdailies.yml")]
        self._store = RelayStore(
            database_of(relay.store, relay.store_connections, is_durable=relay.store_is_durable),
            timed=self._metrics.count_commit,
            store_ignored=relay.filtered_days > 0,
        )
        self._readiness = Readiness(self._store)
        self._metrics.expect(settings.sources)
        self._worker = DeliveryWorker(
            store=self._store,
            destination=configuration.gitdailies,
            sender=Sender.to(configuration.gitdailies, in_flight=most_connections(relay.in_flight)),
            environ=environ,
            relay=relay,
            count_attempt=self._metrics.count_attempt,
        )
        self._repeats = RateLimitedLog(LOG)
        self._refusals = RefusalCounts()
        # The relay knows its own examples by it.
        example_token = Secret(secrets.token_hex(32), "the token of examples")
        self._app = IntakeApp(
            settings=settings,
            relay=relay,
            store=self._store,
            readiness=self._readiness,
            metrics=self._metrics,
            refusals=self._refusals,
            certificates=self._certificates,
            repeats=self._repeats,
            on_stored=self._worker.wake,
            example=example_token,
        )
        self._reloader = Reloader(
            self._app, self._worker, self._store, configuration, environ, self._certificates.found, reload
        )
        self._metrics.add_gauges(self._status, self._health, self._readiness)
        listener = StatusListener(
            intake=self._app,
            store=self._store,
            metrics=self._metrics,
            status=self._status,
            health=self._health,
            configuration=configuration,
            environ=environ,
            on_acted=self._worker.wake,
            address=f"http://{address_of(self._listeners[0]).local()}",
            token=example_token,
            reload=self._reloader.reload_now if writes_services else None,
        )
        self._applications: tuple[Application, ...] = (self._app, AsgiApplication(listener.application()))
        self._servers = [
            Server(
                connections=relay.connections,
                limited_log=self._repeats,
                on_refused=self._refusals.add_unparsed,
            ),
            Server(),
        ]

    async def run(
        self, *, ready: Callable[[str], None], stop: asyncio.Event, reloading: asyncio.Event
    ) -> None:
        """Serve until *stop* is set, a server ends or the worker does; then stop everything.

        *ready* is called with the address once it accepts deliveries. It reloads when *reloading* is set.
        Raises ConfigurationError and StoreUnavailable where the store cannot be opened.
        """
        serving, _ = await serve_while_opening(self._servers, self._listeners, self._store.prepare)
        self._store.start()
        await self._reloader.join_names(self._app.settings.routes.renames)
        tasks = [
            asyncio.create_task(self._worker.run()),
            asyncio.create_task(prune_forever(self._store, self._relay)),
            asyncio.create_task(self._reloader.run(reloading)),
            asyncio.create_task(self._refusals.write_forever(self._store)),
        ]
        for server, application in zip(self._servers, self._applications, strict=True):
            server.open(application)
        address, status = (address_of(listener) for listener in self._listeners)
        freeze_startup_objects()
        LOG.info("relay started", listen=str(address), status=str(status), store=str(self._relay.store))
        ready(f"http://{address.local()}")
        try:
            await asyncio.wait(
                [asyncio.create_task(stop.wait()), *serving, tasks[0]], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._readiness.stopping = True
            # Deliveries that are being received are stored while those that are being sent are recorded.
            await asyncio.gather(
                stop_serving(self._servers, serving), self._worker.stop(STOP_SECONDS), return_exceptions=True
            )
            self._certificates.stop()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._refusals.write(self._store)
            await self._store.close()
            self._repeats.close()
            LOG.info("relay stopped")
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _status(self) -> RelayStatus:
        size, settings, server = self._store.database.size, self._app.settings, self._health()
        sources, renames = settings.sources, settings.routes.renames
        return self._store.report(lambda s: status(s, sources, size(s), server, renames))

    def _health(self) -> ServerState:
        circuit = self._worker.circuit
        return ServerState(
            version=VERSION,
            store=store_location(self._relay.store),
            store_fault=self._store.writer.fault or None,
            circuit="closed" if circuit.closed else "open",
            circuit_reason=None if circuit.closed else circuit.reason,
            reload_failed=self._reloader.failed,
            receiver=self._worker.receiver.kind,
            receiver_is_sure=self._worker.receiver.is_sure,
        )
