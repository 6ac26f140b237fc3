"""One incident at two services of a source with `hold`: neither waits for the other. On both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Service
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.store.outbox import DELIVERED, Attempt
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage.timestamps import now_us

from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.relay.bench import BEGAN

HOLD = timedelta(minutes=7)


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with databases.opened(request.param, tmp_path, tables=RELAY) as database:
        yield lambda: RelayStore(database())


def said(state: str, *services: str, at: datetime = BEGAN) -> Delivery:
    """What a delivery says of the incident A at *services*, each mapped to a repository of its own."""
    change = Change.make(
        state=state,
        word=state,
        incident="A",
        at=at,
        occurrence="first",
        started_at=BEGAN,
        services=[Service(service) for service in services],
        whole=state == STARTED,
    )
    name = f"{state} {services}"
    routed = RoutedMessage(
        change, name, tuple(DeployTarget(f"larkspur/{service}", None, service) for service in services)
    )
    return Delivery(name, now_us(), "default", Interpretation("test", "", b"", "", (routed,), hold=HOLD))


def test_an_end_does_not_wait_for_the_hold_of_another_service(store: Any) -> None:
    """It was over at `web` after an hour, as late deliveries say: both go at once. `jobs` is held."""

    async def whole() -> list[list[tuple[str, str]]]:
        running = store()
        running.open()

        async def sent() -> list[tuple[str, str]]:
            found = []
            while events := await running.ready(10):
                bodies = [json.loads(event.body) for event in events]
                found += [(body["kind"], body["repo"]) for body in bodies]
                attempts = [Attempt(event.seq, now_us(), 202, DELIVERED) for event in events]
                await running.record(attempts, [event.partition for event in events])
            return found

        async def later(time: timedelta) -> None:
            running.clock.now = lambda: now_us() + time // timedelta(microseconds=1)
            await running.end_holds(await running.standing())

        try:
            await running.accept(said(STARTED, "web", "jobs"))
            moments = [await sent()]
            await running.accept(said(RESOLVED, "web", at=BEGAN + timedelta(hours=1)))
            moments.append(await sent())
            await later(HOLD)
            moments.append(await sent())
            return moments
        finally:
            await running.close()

    assert asyncio.run(whole()) == [
        [],
        [("incidentStarted", "larkspur/web"), ("incidentResolved", "larkspur/web")],
        [("incidentStarted", "larkspur/jobs")],
    ]
