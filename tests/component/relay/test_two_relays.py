"""Two relays on one PostgreSQL: whichever a delivery reaches, the events are those of a single relay."""

import threading
import time
from pathlib import Path

from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.processes import eventually, running
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.receiver import answer, receiving
from tests.support.relay.running import configure, in_thread

START = ("relay", "--config", "gitdailies.yml")
MOVED_CLOCK = Path(__file__).parents[2] / "campaign" / "moved_clock"


def test_a_relay_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """Events that a killed relay had leased are sent by the other after the lease's end, in order."""
    held, let_go = threading.Event(), threading.Event()

    def script(_: object) -> bytes:
        held.set()
        let_go.wait(30)
        return answer("202 Accepted", b"{}")

    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        receiver.script = script
        file = configure(tmp_path, url=receiver.url, store=url, lease_seconds="3")
        with running(*START, folder=tmp_path, name="first") as first:
            pagerduty("incident.triggered", "Q1").post(first.address)
            assert held.wait(10)
            first.kill()
        let_go.set()
        with in_thread(file) as second:
            pagerduty("incident.resolved", "Q1", at="2026-03-04T10:00:00Z").post(second.url)
            eventually(lambda: len(receiver.taken()) == 2)
    assert [event["kind"] for event in receiver.taken()] == ["incidentStarted", "incidentResolved"]


def test_a_relay_whose_clock_is_ahead_sends_nothing_twice(tmp_path: Path) -> None:
    """Leases go by the database's clock: with one relay 90 s ahead each event arrives once, and soon."""

    def script(_: object) -> bytes:
        time.sleep(0.3)
        return answer("202 Accepted", b"{}")

    moved = tmp_path / "moved-by"
    moved.write_text("90")
    ahead = {"PYTHONPATH": str(MOVED_CLOCK), "MOVED_CLOCK": str(moved)}
    with receiving() as receiver, databases.postgresql_url(RELAY) as url:
        receiver.script = script
        configure(tmp_path, url=receiver.url, store=url, lease_seconds="60", receiver="documented")
        with (
            running(*START, folder=tmp_path, name="right") as right,
            running(*START, folder=tmp_path, name="ahead", environ=ahead) as wrong,
        ):
            for number in range(20):
                for relay in (right, wrong):
                    pagerduty("incident.triggered", f"{relay.output.stem}-{number}").post(relay.address)
            eventually(lambda: len(receiver.taken()) == 40, 30)
            time.sleep(1.0)
    assert len(receiver.arrivals) == 40
