"""Run the receiver: a socket, a store, a web server in the event loop that is already there."""

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
from gitdailies_webhooks.events.retention import keep
from gitdailies_webhooks.events.store import open_store
from gitdailies_webhooks.live_settings import InForce, reload_for_ever
from gitdailies_webhooks.sql.database import Where

LOG = structlog.get_logger("gitdailies.webhooks")


async def serve(
    *,
    listen: Listen,
    store: Where,
    strict_order: bool,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    flag: str = "--listen",
    public: str = "",
    first_owner: Callable[[str], None] | None = None,
    keep_days: float | None = None,
    said: WebhooksSettings = WebhooksSettings(),  # noqa: B008  frozen
    reload: Callable[[], WebhooksSettings] | None = None,
    reloading: asyncio.Event | None = None,
) -> None:
    """Serve the store at *store* on *listen* until *stop* is set, then end within 10 seconds.

    *ready* is called with the address, like `http://127.0.0.1:8700`, once connections are taken;
    *first_owner* before that, while nobody is owner, with the one-time link for the first one.
    *public* is the address in front of this one, where there is a proxy: `https://dora.example.com`.
    *said* is what gitdailies.yml says of incoming webhooks; when *reloading* is set, *reload* is asked for
    it anew, and a fault of it leaves the old in force.
    Events that happened more than *keep_days* ago are taken away; None keeps them all.
    Raises ConfigurationError where the address cannot be had, naming *flag* as what to change.
    """
    with contextlib.closing(bind(listen, flag)) as listener:
        opened = open_store(store, strict_order=strict_order)
        opened.start()
        in_force = InForce(opened, said, utc_now, LOG, public)
        in_force.start()
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

        server = Server(in_force, started)
        beside = [asyncio.create_task(_stop(server, stop))]
        try:
            if keep_days is not None:
                beside.append(asyncio.create_task(keep(opened, keep_days, utc_now, LOG)))
            if reload is not None and reloading is not None:
                beside.append(asyncio.create_task(reload_for_ever(in_force, reload, reloading, LOG)))
            await server.serve(sockets=[listener])
        finally:
            for task in beside:
                task.cancel()
            await in_force.stop()
            await opened.close()
            LOG.info("receiver stopped", store=str(opened.database))


async def _stop(server: Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
