"""Serve a store until stdin ends, for tests that kill a server or measure its memory."""

import asyncio
import sys
from pathlib import Path

from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.sections.settings import StoreSetting
from gitdailies_dora.server import serve
from gitdailies_dora.sql.database import database_of
from gitdailies_server.logging import setup


async def main(store: str, *options: str) -> None:
    setup.configure()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sys.stdin)  # its end can be read again and again
        stop.set()

    loop.add_reader(sys.stdin, end)
    await serve(
        listen=Listen("127.0.0.1", 0),
        store=database_of(StoreSetting.parse(store, Path.cwd())),
        strict_order="--strict-order" in options,
        ready=lambda address: print(address, flush=True),
        stop=stop,
    )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
