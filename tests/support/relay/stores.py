"""Stores of relays that run without their servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitdailies_relay.store.store import RelayStore


@asynccontextmanager
async def serving(*stores: RelayStore) -> AsyncIterator[None]:
    """Stores that take deliveries, until the end."""
    for one in stores:
        one.prepare()
        one.start()
    try:
        yield
    finally:
        for one in stores:
            await one.close()
