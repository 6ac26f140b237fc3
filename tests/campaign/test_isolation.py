"""Some incidents are refused, fail or hang for ever at the receiver: all others arrive at once.

GITDAILIES_ISOLATION_SECONDS says for how long in the long form. When the receiver is well again, what was
stuck arrives once, in order.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from gitdailies_connection.config.load import load
from gitdailies_core.events.receivers import DOCUMENTED, OURS
from gitdailies_relay.operations.replay import ReplaySelection, replay
from gitdailies_relay.store import store
from gitdailies_server.storage.database import transaction

from tests.support.databases import setting
from tests.support.processes import Server, eventually, running
from tests.support.relay import reports
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import ACCEPTED, Arrival, Receiver, answer, receiving
from tests.support.relay.running import configure

# What a stuck incident gets. Each is by itself in the long form; the last one mixes them.
ANSWERS = {
    "500": answer("500 X"),
    "404": answer("404 X"),
    "403": answer("403 X"),
    "hangs": None,
}
MIXED = tuple(ANSWERS)
SECONDS = float(os.environ.get("GITDAILIES_ISOLATION_SECONDS", "15"))
BETWEEN_SECONDS = 0.5
MOST_SECONDS = 3.0


@dataclass(frozen=True)
class Case:
    """*relays* on one store at *place* before a receiver of a *kind*; so many partitions are stuck."""

    kind: str
    place: str
    relays: int
    answers: tuple[str, ...]
    stuck: int
    seconds: float


@dataclass
class Stuck:
    """Answers of the receiver: those whose name begins with `stuck` get theirs until it is `well`."""

    answers: tuple[str, ...]
    well: threading.Event = field(default_factory=threading.Event)

    def __call__(self, one: Arrival) -> bytes | None:
        incident = one.event["incidentId"]
        if not incident.startswith("stuck") or self.well.is_set():
            return ACCEPTED
        name = self.answers[int(incident.rpartition("-")[2]) % len(self.answers)]
        if name == "hangs":
            self.well.wait(600)
            return None
        return ANSWERS[name]


@contextmanager
def relays(folder: Path, receiver: Receiver, case: Case) -> Iterator[list[Server]]:
    """Run the relays of a case, with the timeout that a relay has unless it is set."""
    with ExitStack() as stack:
        at = stack.enter_context(setting(case.place))
        configure(folder, url=receiver.url, store=at, receiver=case.kind, timeout="10", lease_seconds="60")
        yield [
            stack.enter_context(
                running("relay", "--config", "gitdailies.yml", folder=folder, name=f"relay-{number}")
            )
            for number in range(case.relays)
        ]


def post(servers: list[Server], incident: str, number: int) -> float:
    """Deliver start and end of an incident to the relays in turn; return when."""
    at = time.time()
    address = servers[number % len(servers)].address
    assert pagerduty("incident.triggered", incident).post(address).status_code == 202
    assert pagerduty("incident.resolved", incident, at=ENDED_AT).post(address).status_code == 202
    return at


def send(servers: list[Server], stuck: int, seconds: float) -> dict[str, float]:
    """Deliver one good incident, *stuck* ones at once, then good ones; return when each good one came."""
    sent = {"good-0": post(servers, "good-0", 0)}
    for number in range(stuck):
        post(servers, f"stuck-{number}", number)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(BETWEEN_SECONDS)
        name = f"good-{len(sent)}"
        sent[name] = post(servers, name, len(sent))
    return sent


def kinds(receiver: Receiver, incident: str) -> list[str]:
    """Return what arrived and was taken of an incident, in order, repeats included."""
    return [one.event["kind"] for one in receiver.of(incident) if one.status == 202]


def check(folder: Path, case: Case) -> str:
    """Run one case, and return what was measured."""
    both = ["incidentStarted", "incidentResolved"]
    stuck = [f"stuck-{number}" for number in range(case.stuck)]
    with receiving() as receiver:
        script = receiver.script = Stuck(case.answers)
        try:
            with relays(folder, receiver, case) as servers:
                sent = send(servers, case.stuck, case.seconds)
                eventually(lambda: all(kinds(receiver, name) == both for name in sent))
                attempts = sum(len(receiver.of(name)) for name in stuck)
                script.well.set()
                eventually(lambda: _all_sent_again(folder))
        finally:
            script.well.set()
        assert {name: kinds(receiver, name) for name in stuck} == dict.fromkeys(stuck, both)
        late = sorted(one.at - at for name, at in sent.items() for one in receiver.of(name))
    p99 = late[int(len(late) * 0.99)]
    text = (
        f"{case.stuck} partitions {'+'.join(case.answers)}, {case.kind}, {case.relays} on {case.place},"
        f" {case.seconds:.0f} s: {len(late)} events, median {late[len(late) // 2]:.3f} s, p99 {p99:.2f} s,"
        f" slowest {late[-1]:.2f} s; {attempts} attempts for what is stuck"
    )
    assert p99 < MOST_SECONDS, text
    return text


def _all_sent_again(folder: Path) -> bool:
    """Do what a person does once the receiver is well, and say whether everything has arrived."""
    configuration = load(folder / "gitdailies.yml")
    database = store.database_of(configuration.relay.store)
    # Those that were refused for two minutes are dead letters.
    replay(database, configuration.sources, configuration.routes, ReplaySelection())
    with transaction(database) as session:
        store.resume(session, "default")
    time.sleep(1.0)
    with store.reading(database) as session:
        status = reports.status(session)
    return bool(status["waiting"] == status["deadLetters"] == 0)


PLACES = [
    (OURS, "sqlite", 1),
    (DOCUMENTED, "sqlite", 1),
    (OURS, "postgresql", 1),
    (DOCUMENTED, "postgresql", 2),
]
SHORT = Case(*PLACES[3], MIXED, 20, 4.0)
EACH = [*((name,) for name in ANSWERS), MIXED]
LONG = [
    *(Case(*PLACES[0], answers, stuck, SECONDS) for answers in EACH for stuck in (1, 6)),
    *(Case(*place, answers, 20, SECONDS) for answers in EACH for place in PLACES),
]


def _id(case: Case) -> str:
    return f"{case.kind}-{case.relays}-{case.place}-{'+'.join(case.answers)}-{case.stuck}"


def test_twenty_stuck_incidents_of_every_kind_hold_up_no_other(tmp_path: Path) -> None:
    """For some seconds, with answers of all kinds at the same time."""
    check(tmp_path, SHORT)


@pytest.mark.long
@pytest.mark.timeout(SECONDS + 400)
@pytest.mark.parametrize("case", LONG, ids=_id)
def test_stuck_incidents_hold_up_no_other(case: Case, tmp_path: Path, measure: Callable[[str], None]) -> None:
    """With 1, 6 and 20 of them, of each kind, on both databases, for as long as is asked."""
    measure(check(tmp_path, case))
