"""Run the receiver: a socket, a store, and a web server in the event loop of the caller."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.sections.settings import DoraSettings
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.http.allowed_hosts import AllowedHosts
from gitdailies_server.http.asgi import AsgiApplication
from gitdailies_server.http.listener import Server, address_of, bind, serve_while_opening
from gitdailies_server.storage.timestamps import to_us, utc_now

from gitdailies_dora.accounts.people_store import set_up_path
from gitdailies_dora.api.middleware import problem_body
from gitdailies_dora.events.retention import expire_hourly
from gitdailies_dora.events.store import open_store
from gitdailies_dora.live_settings import ReloadableApp, reload_when_set
from gitdailies_dora.operations.metrics import ReceiverMetrics, store_state
from gitdailies_dora.operations.status_app import create_status_app
from gitdailies_dora.sql.database import StoreLocation

LOG = structlog.get_logger("gitdailies.dora")


async def serve(
    *,
    listen: Listen,
    store: StoreLocation,
    strict_order: bool,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    flag: str = "--listen",
    public: str = "",
    status: Listen | None = None,
    status_hosts: Sequence[str] = (),
    first_owner: Callable[[str], None] | None = None,
    keep_days: float | None = None,
    settings: DoraSettings = DoraSettings(),  # noqa: B008  frozen
    reload: Callable[[], DoraSettings] | None = None,
    reloading: asyncio.Event | None = None,
) -> None:
    """Serve the store at *store* on *listen* until *stop* is set, then end within 10 seconds.

    *ready* is called with an address of it, like `http://127.0.0.1:8700`, once connections are accepted.
    While there is no owner, *first_owner* is called before that, with the one-time link for the first one.
    *public* is the address of a proxy in front of this server, like `https://dora.example.com`.
    On *status*, health and metrics are served without a key, to requests for one of *status_hosts* too.
    *settings* are those of `dora` in gitdailies.yml. Each time *reloading* is set, *reload* returns
    new ones; if it raises, the old settings stay.
    Events that happened more than *keep_days* ago are deleted; with None, all events are kept.
    Raises ConfigurationError if the address cannot be used, and names *flag* as the way to change it.
    """
    measured = ReceiverMetrics()
    listeners = [bind(listen, flag)]
    if status is not None:
        listeners.append(bind(status, "--status"))
    servers = [Server(error_body=problem_body) for _ in listeners]
    opening = partial(open_store, store, strict_order=strict_order, timed=measured.count_commit)
    serving, opened = await serve_while_opening(servers, listeners, opening)
    opened.start()
    app = ReloadableApp(opened, settings, utc_now, LOG, public, measured=measured)
    measured.add_gauges(
        lambda: opened.report(lambda session: store_state(session, opened.database.size, to_us(utc_now()))),
        app.readiness,
    )
    app.start()
    await app.note_settings()
    address = address_of(listeners[0])
    local = f"http://{address.local()}"
    if first_owner is not None and settings.sign_in.passwords:
        path = await opened.write(partial(set_up_path, now=utc_now()), patient=True)
        if path is not None:
            first_owner((public or local) + path)

    servers[0].open(AsgiApplication(app, problem_body))
    if status is not None:
        hosts = AllowedHosts.of(status, status_hosts)
        servers[1].open(AsgiApplication(create_status_app(measured, app.readiness, hosts)))
    freeze_startup_objects()
    LOG.info(
        "receiver started",
        address=f"http://{address}",
        store=str(opened.database),
        strict_order=strict_order,
    )
    ready(local)
    tasks = [asyncio.create_task(_stop(servers, app, stop))]
    try:
        if keep_days is not None:
            tasks.append(asyncio.create_task(expire_hourly(opened, keep_days, utc_now, LOG)))
        if reload is not None and reloading is not None:
            tasks.append(asyncio.create_task(reload_when_set(app, reload, reloading, LOG)))
        await asyncio.gather(*serving)
    finally:
        for task in tasks:
            task.cancel()
        await app.stop()
        await opened.close()
        LOG.info("receiver stopped", store=str(opened.database))


async def _stop(servers: Sequence[Server], app: ReloadableApp, stop: asyncio.Event) -> None:
    await stop.wait()
    app.readiness.stopping = True
    for server in servers:
        server.stop()
