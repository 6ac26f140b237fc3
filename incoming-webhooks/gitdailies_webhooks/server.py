"""Run the receiver: a socket, a store, a web server in the event loop that is already there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import structlog
from gitdailies_connection.addresses import Listen, Network
from gitdailies_server.garbage import settle
from gitdailies_server.listening import Server, address_of, bind
from gitdailies_server.moments import utc_now

from gitdailies_webhooks.app import create_app
from gitdailies_webhooks.deriver import Deriver
from gitdailies_webhooks.figures.settings import Settings
from gitdailies_webhooks.first_owner import set_up_path
from gitdailies_webhooks.mirror_reader import MirrorReader
from gitdailies_webhooks.opening import Where
from gitdailies_webhooks.retention import keep
from gitdailies_webhooks.store import open_store

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
    settings: Settings = Settings(),  # noqa: B008  frozen
    mirrors: Mapping[str, Path] = MappingProxyType({}),
    trusted_proxies: Sequence[Network] = (),
) -> None:
    """Serve the store at *store* on *listen* until *stop* is set, then end within 10 seconds.

    *ready* is called with the address, like `http://127.0.0.1:8700`, once connections are taken;
    *first_owner* before that, while nobody is owner, with the one-time link for the first one.
    *public* is the address in front of this one, where there is a proxy: `https://dora.example.com`;
    *trusted_proxies* say truly who speaks to them.
    *settings* are those of the figures; *mirrors* are git repositories on this machine, by their names.
    Events that happened more than *keep_days* ago are taken away; None keeps them all.
    Raises ConfigurationError where the address cannot be had, naming *flag* as what to change.
    """
    with contextlib.closing(bind(listen, flag)) as listener:
        opened = open_store(store, strict_order=strict_order)
        opened.start()
        reader = MirrorReader(opened, mirrors, settings, utc_now, LOG)
        deriver = Deriver(opened, settings, utc_now, LOG, reader.changed)
        deriver.start()
        reader.start()
        address = f"http://{address_of(listener)}"
        if first_owner is not None:
            path = await opened.write(partial(set_up_path, now=utc_now()))
            if path is not None:
                first_owner((public or address) + path)

        def started() -> None:
            settle()
            LOG.info(
                "receiver started", address=address, store=str(opened.database), strict_order=strict_order
            )
            ready(address)

        server = Server(
            create_app(opened, LOG, public=public, deriver=deriver, trusted_proxies=trusted_proxies), started
        )
        beside = [asyncio.create_task(_stop(server, stop))]
        try:
            if keep_days is not None:
                beside.append(asyncio.create_task(keep(opened, keep_days, utc_now, LOG)))
            await server.serve(sockets=[listener])
        finally:
            for task in beside:
                task.cancel()
            await reader.stop()
            await deriver.stop()
            await opened.close()
            LOG.info("receiver stopped", store=str(opened.database))


async def _stop(server: Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True
