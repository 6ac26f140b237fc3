"""Run the receiver: a socket, a store, and a web server in the event loop of the caller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

import structlog
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.settings import WebhooksSettings
from gitdailies_server.gc_tuning import freeze_startup_objects
from gitdailies_server.http.listener import Server, address_of, bind
from gitdailies_server.storage.timestamps import utc_now

from gitdailies_webhooks.accounts.first_owner import set_up_path
from gitdailies_webhooks.events.retention import expire_hourly
from gitdailies_webhooks.events.store import open_store
from gitdailies_webhooks.live_settings import ReloadableApp, reload_when_set
from gitdailies_webhooks.sql.database import StoreLocation

LOG = structlog.get_logger("gitdailies.webhooks")


async def serve(
    *,
    listen: Listen,
    store: StoreLocation,
    strict_order: bool,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    flag: str = "--listen",
    public: str = "",
    first_owner: Callable[[str], None] | None = None,
    keep_days: float | None = None,
    settings: WebhooksSettings = WebhooksSettings(),  # noqa: B008  frozen
    reload: Callable[[], WebhooksSettings] | None = None,
    reloading: asyncio.Event | None = None,
) -> None:
    """Serve the store at *store* on *listen* until *stop* is set, then end within 10 seconds.

    *ready* is called with the address, like `http://127.0.0.1:8700`, once connections are accepted.
    While there is no owner, *first_owner* is called before that, with the one-time link for the first one.
    *public* is the address of a proxy in front of this server, like `https://dora.example.com`.
    *settings* are those of `webhooks` in gitdailies.yml. Each time *reloading* is set, *reload* returns
    new ones; if it raises, the old settings stay.
    Events that happened more than *keep_days* ago are deleted; with None, all events are kept.
    Raises ConfigurationError if the address cannot be used, and names *flag* as the way to change it.
    """
    with contextlib.closing(bind(listen, flag)) as listener:
        opened = open_store(store, strict_order=strict_order)
        opened.start()
        app = ReloadableApp(opened, settings, utc_now, LOG, public)
        app.start()
        address = f"http://{address_of(listener)}"
        if first_owner is not None:
            path = await opened.write(partial(set_up_path, now=utc_now()))
            if path is not None:
                first_owner((public or address) + path)

        def started() -> None:
            freeze_startup_objects()
            LOG.info(
                "receiver started", address=address, store=str(opened.database), strict_order=strict_order
            )
            ready(address)

        server = Server(app, started)
        tasks = [asyncio.create_task(_stop(server, stop))]
        try:
            if keep_days is not None:
                tasks.append(asyncio.create_task(expire_hourly(opened, keep_days, utc_now, LOG)))
            if reload is not None and reloading is not None:
                tasks.append(asyncio.create_task(reload_when_set(app, reload, reloading, LOG)))
            await server.serve(sockets=[listener])
        finally:
            for task in tasks:
                task.cancel()
            await app.stop()
            await opened.close()
            LOG.info("receiver stopped", store=str(opened.database))


async def _stop(server: Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
