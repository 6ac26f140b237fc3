"""The relay's process: sockets, the intake and the worker around one store, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog
from gitdailies_connection.config.settings import Configuration, RelaySettings
from gitdailies_connection.http.sender import Sender
from gitdailies_core.errors import StoreUnavailable
from gitdailies_core.sources import registry
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.http.listener import STOP_SECONDS, Server, address_of, bind
from gitdailies_server.logging.rate_limited import RateLimitedLog
from gitdailies_server.logging.setup import describe_error
from gitdailies_server.storage.database import Database, Session, Size
from gitdailies_server.storage.timestamps import now_us

from gitdailies_relay.delivery.worker import Worker
from gitdailies_relay.intake.app import App, Intake
from gitdailies_relay.operations import reports
from gitdailies_relay.operations.metrics import Numbers, Standing
from gitdailies_relay.operations.status_app import StatusApp
from gitdailies_relay.store.retention import doomed, prune, to_give_back
from gitdailies_relay.store.store import Store, database_of

LOG = structlog.get_logger("gitdailies.relay")

_PRUNE_SECONDS = 3600.0


def intake_of(configuration: Configuration, environ: Mapping[str, str]) -> Intake:
    """Load what the sources need; raises ConfigurationError for a missing adapter or secret."""
    sources = configuration.sources
    return Intake(
        sources=sources,
        adapters={name: registry.adapter(source.adapter) for name, source in sources.items()},
        secrets={name: [s.read(environ) for s in source.secrets] for name, source in sources.items()},
        routes=configuration.routes,
    )


async def serve(
    configuration: Configuration,
    environ: Mapping[str, str],
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    reload: Callable[[], Configuration] | None = None,
    reloading: asyncio.Event | None = None,
    flag: str = "relay.listen in gitdailies.yml",
) -> None:
    """Run until *stop* is set; *ready* is told the address once deliveries are accepted.

    *flag* is what to change where the address of deliveries is taken.
    When *reloading* is set, *reload* is asked for the configuration anew; a faulty one leaves
    the old in force. Raises ConfigurationError where it cannot start.
    """
    relay = configuration.relay
    # An unreadable key would pause every delivery: better said now.
    configuration.gitdailies.key.read(environ)
    numbers = Numbers()
    sockets = [
        bind(relay.listen, flag),
        bind(relay.status, "relay.status in gitdailies.yml"),
    ]
    store = Store(database_of(relay.store), timed=numbers.commit)
    try:
        intake = intake_of(configuration, environ)
        store.open()
    except BaseException:
        for listener in sockets:
            listener.close()
        raise
    worker = Worker(
        store=store,
        destination=configuration.gitdailies,
        sender=Sender.to(configuration.gitdailies, in_flight=relay.in_flight),
        environ=environ,
        in_flight=relay.in_flight,
        give_up_seconds=relay.give_up_days * 86400,
        claim_seconds=relay.claim_seconds,
        counted=numbers.attempt,
    )
    repeats = RateLimitedLog(LOG)
    app = App(
        intake=intake,
        store=store,
        stored=worker.wake,
        counted=numbers.delivery,
        repeats=repeats,
        most_bytes=relay.queue_bytes,
        trusted_proxies=relay.trusted_proxies,
    )
    reloaded = _Reload(app, worker, configuration, environ)
    standing = partial(_standing, worker, store, reloaded)
    numbers.tell(lambda: store.report(lambda s: (reports.stored(s), store.database.size(s))), standing)
    place = reports.place(relay.store)
    listening = Server(app, connections=relay.connections, limited_log=repeats)
    servers = [listening, Server(StatusApp(app, store, numbers, lambda: standing().told(place)))]
    tasks = [
        asyncio.create_task(worker.run()),
        asyncio.create_task(_prune_for_ever(store, relay)),
        asyncio.create_task(_reload_for_ever(reloaded, reload, reloading)),
    ]
    serving = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, sockets, strict=True)
    ]
    address, status = (address_of(listener) for listener in sockets)
    freeze_startup_objects()
    LOG.info("relay started", listen=str(address), status=str(status), store=str(relay.store))
    ready(f"http://{address}")
    try:
        await asyncio.wait(
            [asyncio.create_task(stop.wait()), *serving, tasks[0]], return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        app.stopping = True
        for server in servers:
            server.should_exit = True
        # Deliveries that are on their way in are stored while those on their way out are recorded.
        await asyncio.gather(*serving, worker.stop(STOP_SECONDS), return_exceptions=True)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()
        for listener in sockets:
            listener.close()
        repeats.close()
        LOG.info("relay stopped")
    for result in ended:
        if isinstance(result, Exception):
            raise result


def _standing(worker: Worker, store: Store, reloaded: _Reload) -> Standing:
    return Standing(
        circuit_open=not worker.circuit.closed,
        circuit_reason=worker.circuit.reason,
        store_fault=store.fault,
        reload_failed=reloaded.failed,
    )


async def _prune_for_ever(store: Store, settings: RelaySettings) -> None:
    while True:
        more = False
        try:
            found = await asyncio.to_thread(store.report, lambda s: doomed(s, settings, now_us()))
            if found:
                await store.run(partial(prune, found=found))
            more = bool(found) or await _give_back(store)
        except StoreUnavailable as error:
            LOG.error("store cannot be pruned", reason=str(error))
        if not more:
            await asyncio.sleep(_PRUNE_SECONDS)


async def _give_back(store: Store) -> bool:
    """Make the store smaller by a step; return whether it became so. Deliveries come in between two."""
    database = store.database
    before: Size = await asyncio.to_thread(store.report, database.size)
    step = to_give_back(before)
    if not step:
        return False
    after: Size = await store.run(partial(_shrink, database, step))
    return after.bytes < before.bytes


def _shrink(database: Database, most_bytes: int, session: Session) -> Size:
    database.shrink(session, most_bytes)
    return database.size(session)


@dataclass
class _Reload:
    """What follows a configuration that was read again, and which one is in force."""

    app: App
    worker: Worker
    configuration: Configuration
    environ: Mapping[str, str]
    failed: bool = False

    async def take(self, new: Configuration) -> None:
        """Put *new* in force, all of it or nothing; raises ConfigurationError."""
        old = self.configuration
        intake = intake_of(new, self.environ)
        if new.gitdailies != old.gitdailies:
            new.gitdailies.key.read(self.environ)
            sender = Sender.to(new.gitdailies, in_flight=old.relay.in_flight)
            await self.worker.redirect(new.gitdailies, sender)
        self.app.intake = intake
        changed = [name for name, value in vars(new.relay).items() if value != getattr(old.relay, name)]
        if changed:
            LOG.warning("settings of relay hold after a restart", settings=changed)
        self.configuration = replace(new, relay=old.relay)


async def _reload_for_ever(
    reloaded: _Reload, reload: Callable[[], Configuration] | None, reloading: asyncio.Event | None
) -> None:
    while reload is not None and reloading is not None:
        await reloading.wait()
        reloading.clear()
        try:
            await reloaded.take(reload())
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, the old one stays in force
            reloaded.failed = True
            LOG.error("configuration left as it was", reason=describe_error(error))
        else:
            reloaded.failed = False
            LOG.info("configuration read again")
