"""A receiver that was down for three days: waiting events are then sent quickly and in order.

GITDAILIES_CATCH_UP_EVENTS sets how many events wait in the long form.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from gitdailies_core.events.receivers import DOCUMENTED, OURS
from gitdailies_core.sources.protocol import RESOLVED, STARTED
from gitdailies_relay.delivery.isolation import FAILURES_TO_OPEN
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage.sqlite import SqliteDatabase

from tests.support.forms import short_and_long
from tests.support.processes import eventually, running
from tests.support.relay.bench import BEGAN, delivery, write
from tests.support.relay.receiver import ACCEPTED, Receiver
from tests.support.relay.running import configure

_AT_ONCE = 500
_THREE_DAYS_US = 3 * 86_400_000_000


async def filled(path: Path, events: int) -> None:
    """Store start and end of events / 2 incidents, all starts first."""
    store = RelayStore(SqliteDatabase(path))
    store.prepare()
    store.start()
    for state, at in ((STARTED, BEGAN), (RESOLVED, BEGAN + timedelta(hours=1))):
        for first in range(0, events // 2, _AT_ONCE):
            names = [f"I{number}" for number in range(first, min(first + _AT_ONCE, events // 2))]
            accepted = await asyncio.gather(*(store.writer.put(delivery(name, state, at)) for name in names))
            assert all(len(one.events) == 1 for one in accepted)
    await store.close()


def cpu_seconds(process: int) -> float:
    """Return what a process has used, of all cores, so far (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("kind", [DOCUMENTED, OURS])
@short_and_long(
    "events",
    "GITDAILIES_CATCH_UP_EVENTS",
    short=1000,
    long=10_000,
    seconds=lambda events: events // 100 + 300,
)
def test_after_three_days_all_that_waited_goes_out_in_order(
    kind: str, events: int, tmp_path: Path, receiver: Receiver, measure: Callable[[str], None]
) -> None:
    """Every event arrives once, and of each incident the start before the end."""
    asyncio.run(filled(tmp_path / "relay.db", events))
    aged = "UPDATE events SET stored_at = stored_at - ?"
    tried = (
        "UPDATE outbox SET attempts = 9, first_attempt_at = due_at - ?, due_at = due_at - ? WHERE is_next = 1"
    )
    write(tmp_path / "relay.db", aged, _THREE_DAYS_US)
    write(tmp_path / "relay.db", tried, _THREE_DAYS_US, _THREE_DAYS_US)
    receiver.script = lambda _: None
    configure(tmp_path, url=receiver.url, receiver=kind)
    with running("relay", "--config", "gitdailies.yml", folder=tmp_path) as relay:
        # Three requests in a row: the receiver is known to be away.
        eventually(lambda: (tmp_path / "relay.log").read_text().count("delivery failed") >= FAILURES_TO_OPEN)
        receiver.script = lambda _: ACCEPTED
        back_at, before = time.time(), cpu_seconds(relay.process.pid)
        # Both grow until nothing comes any more; counting all of them each time would slow the receiver.
        eventually(
            lambda: len(receiver.arrivals) >= events and len(receiver.taken()) == events, events / 100 + 60
        )
        cpu = cpu_seconds(relay.process.pid) - before
    taken = [one for one in receiver.arrivals if one.status == 202]
    counts = Counter(one.id for one in taken)
    assert (len(counts), counts.total()) == (events, events)
    kinds: dict[str, list[str]] = {}
    for one in taken:
        kinds.setdefault(one.event["incidentId"], []).append(one.event["kind"])
    assert {tuple(order) for order in kinds.values()} == {("incidentStarted", "incidentResolved")}
    assert any(receiver.lists) == (kind == OURS)
    seconds = taken[-1].at - taken[0].at
    measure(
        f"{kind}: {events} events in {seconds:.1f} s, {events / seconds:.0f} a second,"
        f" {cpu / events * 1e6:.0f} µs of the relay's CPU each;"
        f" the first {taken[0].at - back_at:.1f} s after the receiver was back"
    )
