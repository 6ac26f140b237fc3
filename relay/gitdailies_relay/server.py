"""The relay's process: sockets, intake and delivery worker around one store, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from gitdailies_connection.config.settings import Configuration
from gitdailies_connection.http.sender import Sender
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.http.allowed_hosts import AllowedHosts
from gitdailies_server.http.asgi import AsgiApplication
from gitdailies_server.http.listener import STOP_SECONDS, Server, address_of, bind
from gitdailies_server.logging.rate_limited import RateLimitedLog

from gitdailies_relay.api.app import Current, DeliveryApi, Examples
from gitdailies_relay.api.sending import new_token
from gitdailies_relay.delivery.senders import most_connections
from gitdailies_relay.delivery.worker import DeliveryWorker
from gitdailies_relay.intake.app import IntakeApp
from gitdailies_relay.intake.certificates import Certificates, folder_beside
from gitdailies_relay.intake.refused_requests import RefusalCounts
from gitdailies_relay.operations import reports
from gitdailies_relay.operations.metrics import ProcessHealth, RelayMetrics
from gitdailies_relay.operations.status_app import StatusApp
from gitdailies_relay.reloader import Reloader, intake_settings
from gitdailies_relay.store.pruner import prune_forever
from gitdailies_relay.store.store import RelayStore, database_of

LOG = structlog.get_logger("gitdailies.relay")


async def serve(
    configuration: Configuration,
    environ: Mapping[str, str],
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    reload: Callable[[], Configuration] | None = None,
    reloading: asyncio.Event | None = None,
    flag: str = "relay.listen in gitdailies.yml",
    writes_services: bool = False,
) -> None:
    """Run a relay until *stop* is set. *ready* is called with its address once it accepts deliveries.

    *flag* names what to change where that address is taken. When *reloading* is set, *reload*
    returns the new configuration, and one with errors changes nothing. With *writes_services*, the API adds
    lines under services to the file of the configuration, and takes them over with *reload*.
    Raises ConfigurationError where it cannot start.
    """
    process = RelayProcess(configuration, environ, flag=flag, writes_with=reload if writes_services else None)
    await process.run(ready=ready, stop=stop, reload=reload, reloading=reloading)


class RelayProcess:
    """The parts of a relay, wired together. Make it inside the event loop that runs it.

    Making it opens the sockets and the store; raises ConfigurationError where one cannot be had.
    """

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        *,
        flag: str,
        writes_with: Callable[[], Configuration] | None = None,
    ) -> None:
        relay = configuration.relay
        # An unreadable key would pause every delivery, so it ends the start.
        configuration.gitdailies.key.read(environ)
        self._relay = relay
        self._metrics = RelayMetrics()
        self._listeners = [bind(relay.listen, flag), bind(relay.status, "relay.status in gitdailies.yml")]
        self._store = RelayStore(
            database_of(relay.store),
            timed=self._metrics.count_commit,
            store_ignored=relay.filtered_days > 0,
        )
        self._certificates = Certificates(folder_beside(relay.store))
        try:
            settings = intake_settings(configuration, environ, self._certificates.found)
            self._store.open()
        except BaseException:
            self._close_listeners()
            raise
        self._worker = DeliveryWorker(
            store=self._store,
            destination=configuration.gitdailies,
            sender=Sender.to(configuration.gitdailies, in_flight=most_connections(relay.in_flight)),
            environ=environ,
            in_flight=relay.in_flight,
            give_up_seconds=relay.give_up_days * 86400,
            lease_seconds=relay.lease_seconds,
            count_attempt=self._metrics.count_attempt,
        )
        self._repeats = RateLimitedLog(LOG)
        self._refusals = RefusalCounts()
        example_token = new_token()
        self._app = IntakeApp(
            settings=settings,
            store=self._store,
            on_stored=self._worker.wake,
            count_request=self._metrics.count_request,
            count_refusal=self._refusals.add,
            count_delivery=self._metrics.count_delivery,
            want_certificate=self._certificates.want,
            repeats=self._repeats,
            most_bytes=relay.queue_bytes,
            trusted_proxies=relay.trusted_proxies,
            example=example_token,
        )
        self._reloader = Reloader(self._app, self._worker, configuration, environ, self._certificates.found)
        self._metrics.add_gauges(
            lambda: self._store.report(
                lambda s: (reports.store_state(s, self._app.settings.sources), self._store.database.size(s))
            ),
            self._health,
        )
        location = reports.store_location(relay.store)
        status_app = StatusApp(
            self._app,
            self._store,
            self._metrics,
            lambda: self._health().to_json(location),
            AllowedHosts.of(relay.status, relay.status_hosts),
            DeliveryApi(
                self._store,
                key=relay.status_key,
                environ=environ,
                current=self._current,
                examples=Examples(f"http://{address_of(self._listeners[0]).local()}", example_token),
                file=configuration.path,
                on_acted=self._worker.wake,
                reload=None if writes_with is None else partial(self._reloader.reload_now, writes_with),
            ),
        )
        self._servers = [
            Server(self._app, connections=relay.connections, limited_log=self._repeats),
            Server(AsgiApplication(status_app)),
        ]

    async def run(
        self,
        *,
        ready: Callable[[str], None],
        stop: asyncio.Event,
        reload: Callable[[], Configuration] | None,
        reloading: asyncio.Event | None,
    ) -> None:
        """Serve until *stop* is set, a server ends or the worker does; then stop everything."""
        tasks = [
            asyncio.create_task(self._worker.run()),
            asyncio.create_task(prune_forever(self._store, self._relay)),
            asyncio.create_task(self._reloader.run(reload, reloading)),
            asyncio.create_task(self._refusals.write_forever(self._store)),
        ]
        serving = [
            asyncio.create_task(server.serve(listener))
            for server, listener in zip(self._servers, self._listeners, strict=True)
        ]
        address, status = (address_of(listener) for listener in self._listeners)
        freeze_startup_objects()
        LOG.info("relay started", listen=str(address), status=str(status), store=str(self._relay.store))
        ready(f"http://{address.local()}")
        try:
            await asyncio.wait(
                [asyncio.create_task(stop.wait()), *serving, tasks[0]], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            results = await self._stop(serving, tasks)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _stop(
        self, serving: list[asyncio.Task[None]], tasks: list[asyncio.Task[None]]
    ) -> list[BaseException | None]:
        """Stop everything; return what came of *tasks*."""
        self._app.stopping = True
        for server in self._servers:
            server.stop()
        # Deliveries that are being received are stored while those that are being sent are recorded.
        await asyncio.gather(*serving, self._worker.stop(STOP_SECONDS), return_exceptions=True)
        self._certificates.stop()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self._refusals.write(self._store)
        await self._store.close()
        self._close_listeners()
        self._repeats.close()
        LOG.info("relay stopped")
        return results

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _current(self) -> Current:
        """Return the configuration that is active now."""
        settings = self._app.settings
        secrets = {name: found.current for name, found in settings.secrets.items()}
        return Current(settings.sources, settings.routes, secrets)

    def _health(self) -> ProcessHealth:
        return ProcessHealth(
            circuit_open=not self._worker.circuit.closed,
            circuit_reason=self._worker.circuit.reason,
            store_fault=self._store.fault,
            reload_failed=self._reloader.failed,
            receiver=self._worker.receiver,
            receiver_is_sure=self._worker.receiver_is_sure,
        )
