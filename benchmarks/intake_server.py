"""The relay of `gitdailies relay`, on one core, with one part replaced.

intake.py starts it. It prints its address once it accepts deliveries.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import deliveries
import uvicorn
import uvloop
from gitdailies_connection.addresses import Listen
from gitdailies_connection.config.load import load
from gitdailies_relay import server
from gitdailies_relay.accepting.acceptance import STORED, Accepted, Delivery
from gitdailies_relay.store import store
from gitdailies_server.http.listener import address_of, bind
from gitdailies_server.logging import setup
from gitdailies_server.storage import group_commit
from gitdailies_server.storage.database import Session
from gitdailies_server.storage.timestamps import now_us

if TYPE_CHECKING:
    import sqlite3

DURABLE, IMMEDIATE, SINGLE, BARE = CASES = ("durable", "immediate", "single", "bare")


class ImmediateStore(store.RelayStore):
    """Reports `stored` in the next iteration of the event loop, and stores nothing."""

    def accept_then(self, delivery: Delivery, done: Callable[[Accepted | BaseException], None]) -> None:
        event = f"incident-{'0' * 32}"
        accepted = Accepted(delivery.id, (event,), (), "", (STORED,))
        asyncio.get_running_loop().call_soon(done, accepted)


async def bare(_: Any, receive: Any, send: Any) -> None:
    """Read a body and answer 202, to measure an HTTP server alone."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def serve_bare() -> None:
    """Serve `bare` with uvicorn, which nothing of ours is a part of."""
    listener = bind(Listen("127.0.0.1", 0), "nothing")
    print(f"http://{address_of(listener)}", flush=True)
    config = uvicorn.Config(bare, http="httptools", lifespan="off", access_log=False, log_config=None)
    await uvicorn.Server(config).serve(sockets=[listener])


def fill(session: Session, count: int) -> None:
    """Store *count* incidents with waiting starts."""
    connection = cast("sqlite3.Connection", session)
    connection.create_function("incident", 1, lambda i: deliveries.incident_id(deliveries.BEFORE + i - 1))
    number = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    incident, at = "incident(i)", f"{now_us() - count} + i"
    body = (
        "json_object('kind', 'incidentStarted', 'incidentId', incident(i), 'repo',"
        " 'larkspur/checkout-api', 'environment', 'production', 'time', '2026-03-04T09:12:41Z', 'title',"
        " 'Checkout returns 502 for card payments', 'service', 'checkout-api', 'source', 'pagerduty')"
    )
    for statement in (
        (
            "INSERT INTO deliveries (delivery, received_at, source, message, incident, word, proof, outcome,"
            f" reason, events) SELECT 'd' || i, {at}, 'pagerduty', 'm' || i, {incident},"
            " 'incident.triggered', '', 'stored', '', '[\"e' || i || '\"]' FROM n"
        ),
        (
            "INSERT INTO occurrences (destination, source, incident, repo, environment, service, name, state,"
            f" started_at, changed_at) SELECT 'default', 'pagerduty', {incident}, 'larkspur/checkout-api',"
            f" 'production', 'checkout-api', '2026-03-04T09:12:41Z', 'open', {at}, {at} FROM n"
        ),
        (
            "INSERT INTO events (id, destination, source, incident, delivery, stored_at, body)"
            f" SELECT 'e' || i, 'default', 'pagerduty', {incident}, 'd' || i, {at}, {body} FROM n"
        ),
        (
            "INSERT INTO outbox (seq, destination, partition, is_next, due_at, attempts)"
            f" SELECT i, 'default', 'default/pagerduty/' || {incident}, 1, {at}, 0 FROM n"
        ),
    ):
        session.execute(f"{number} {statement}", (count,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--case", choices=CASES, default=DURABLE)
    parser.add_argument("--core", type=int, required=True)
    parser.add_argument("--stored", type=int, default=0)
    given = parser.parse_args()
    os.sched_setaffinity(0, {given.core})
    if given.case == IMMEDIATE:
        server.RelayStore = ImmediateStore  # type: ignore[misc]
    elif given.case == SINGLE:
        group_commit.MOST_A_BATCH = 1
    elif given.case == BARE:
        uvloop.run(serve_bare())
        return
    configuration = load(given.config)
    # Only intake is measured, so delivery is paused.
    database = store.database_of(configuration.relay.store)
    store.migrate(database)
    with store.transaction(database) as session:
        store.pause(session, "default", "manual", "benchmark")
        if given.stored:
            fill(session, given.stored)
    setup.configure()

    async def serve() -> None:
        await server.serve(
            configuration,
            os.environ,
            ready=lambda address: print(address, flush=True),
            stop=asyncio.Event(),
        )

    uvloop.run(serve())


if __name__ == "__main__":
    main()
