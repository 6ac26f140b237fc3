"""kill -9 of a relay under load: whatever was accepted arrives, once and in order.

GITDAILIES_KILL_ROUNDS sets how often it is killed in the long form.
"""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.forms import short_and_long
from tests.support.processes import eventually
from tests.support.relay.deliveries import ENDED_AT, Delivery, pagerduty
from tests.support.relay.deploys import NOTHING, add_sources, deployment_status, minutes_ago, push
from tests.support.relay.pair import Pair, running_pair
from tests.support.relay.receiver import Arrival, answer, receiving
from tests.support.relay.running import configure

VENDORS = 4


@dataclass
class Vendor:
    """Sends start, acknowledgement and end of one incident after another, each until it is answered."""

    name: str
    accepted: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    _deliveries: Iterator[Delivery] = field(init=False)
    _next: Delivery = field(init=False)

    def __post_init__(self) -> None:
        self._deliveries = self._all()
        self._next = next(self._deliveries)

    def send_until_it_is_gone(self, url: str) -> None:
        with requests.Session() as session:
            while True:
                try:
                    reply = self._next.post(url, session)
                except requests.RequestException:
                    self.unanswered += 1
                    return
                assert reply.status_code in (200, 202), reply.text
                for id_ in reply.json().get("events", ()):
                    self.accepted[id_] = reply.json()["delivery"]
                self._next = next(self._deliveries)

    def finish(self, url: str) -> None:
        """Send again what was never answered, as a vendor does."""
        reply = self._next.post(url)
        assert reply.status_code in (200, 202), reply.text
        self.accepted.update(dict.fromkeys(reply.json().get("events", ()), reply.json()["delivery"]))

    def _all(self) -> Iterator[Delivery]:
        number = 0
        while True:
            incident = f"{self.name}-{number}"
            yield pagerduty("incident.triggered", incident, service="ledger")
            yield pagerduty("incident.acknowledged", incident, service="ledger")
            yield pagerduty("incident.resolved", incident, at=ENDED_AT, service="ledger")
            number += 1


class DeployVendor(Vendor):
    """Sends a push of one commit and then its deploy, again and again, for a repository of its own."""

    @property
    def repo(self) -> str:
        return f"larkspur/{self.name}"

    def _all(self) -> Iterator[Delivery]:
        began, before = minutes_ago(600), NOTHING
        for number in itertools.count(1):
            sha, at = f"{number:040x}", began + timedelta(seconds=number)
            yield push(self.repo, before, [(sha, at)])
            yield deployment_status(self.repo, sha, run=number, at=at)
            before = sha


class LateVendor(DeployVendor):
    """Sends two deploys and then the pushes of both, the later one first."""

    _made = 0

    def finish(self, url: str) -> None:
        super().finish(url)
        # Each push of the last two deploys.
        while (self._made - 2) % 4:
            self._next = next(self._deliveries)
            super().finish(url)

    def _all(self) -> Iterator[Delivery]:
        both: list[Delivery] = []
        for number, one in enumerate(super()._all()):
            both.append(one)
            if number == 1 or len(both) == 4:
                first, second, *more = both
                for chosen in (second, more[1], more[0], first) if more else both:
                    self._made += 1
                    yield chosen
                both = []


@contextmanager
def recorded(pair: Pair) -> Iterator[list[Arrival]]:
    """Put a recorder between relay and the DORA server: slow, and now and then its answer is lost."""
    odds, session = random.Random(20), requests.Session()
    url = f"http://127.0.0.1:{pair.port}/webhooks"

    def forward(one: Arrival) -> bytes | None:
        # Ends overtake starts wherever the relay lets them.
        time.sleep(odds.random() * (0.04 if one.event["kind"] == "incidentStarted" else 0.001))
        headers = {"webhook-key": one.key, "idempotency-key": one.id}
        reply = session.post(url, json=one.event, headers=headers, timeout=20)
        lost = odds.random() < 0.05
        return (
            None if lost else answer(f"{reply.status_code} X", reply.content, Content_Type="application/json")
        )

    with receiving() as receiver, session:
        receiver.script = forward
        configure(pair.folder, url=receiver.url, key=(pair.folder / "webhook-key").read_text().strip())
        yield receiver.arrivals


@short_and_long(
    "rounds", "GITDAILIES_KILL_ROUNDS", short=2, long=40, seconds=lambda rounds: 120 + 30 * rounds
)
def test_after_kill_9_every_accepted_event_arrives_once_and_in_order(
    rounds: int, tmp_path: Path, measure: Callable[[str], None]
) -> None:
    """The DORA server has exactly the events that were answered 202, each once, starts before ends."""
    vendors = [Vendor(f"v{number}") for number in range(VENDORS)]
    with running_pair(tmp_path) as pair, recorded(pair) as arrivals:
        undelivered = _killed(pair, vendors, arrivals, rounds)
        standing = pair.everything()
        assert pair.status()["deadLetters"] == 0

    accepted = set().union(*(vendor.accepted for vendor in vendors))
    assert undelivered > rounds, "too little waited at the kills to prove anything"
    assert sum(vendor.unanswered for vendor in vendors) >= rounds
    counts = Counter(event["id"] for event in standing)
    assert accepted - counts.keys() == set()
    assert counts.keys() - accepted == set()
    assert set(counts.values()) == {1}
    _in_order(standing)
    _in_order([one.event for one in arrivals])
    assert len({(one.id, json.dumps(one.event)) for one in arrivals}) == len(counts)
    measure(
        f"relay: {rounds} kills, {len(accepted)} events, {undelivered} on their way, {len(arrivals)} attempts"
    )


@pytest.mark.parametrize("kind", [DeployVendor, LateVendor])
def test_after_kill_9_every_accepted_deploy_arrives_once_with_its_commits(
    kind: type[DeployVendor], tmp_path: Path
) -> None:
    """What was answered arrives once, in order. Each deploy but the first has the commit that was pushed."""
    vendors = [kind(f"d{number}") for number in range(VENDORS)]
    with running_pair(tmp_path) as pair, recorded(pair) as arrivals:
        add_sources(pair.folder)
        _killed(pair, vendors, arrivals, 2)
        standing = pair.everything()

    accepted = set().union(*(vendor.accepted for vendor in vendors))
    assert len(accepted) >= 40
    assert Counter(event["id"] for event in standing) == Counter(accepted)
    for vendor in vendors:
        events = [event for event in standing if event["repo"] == vendor.repo]
        commits = [event["commitSHA"] for event in events]
        assert commits == sorted(commits)
        brought = [[one["sha"] for one in event.get("commits", ())] for event in events]
        assert brought == [[], *([sha] for sha in commits[1:])]


def _killed(pair: Pair, vendors: Sequence[Vendor], arrivals: list[Arrival], rounds: int) -> int:
    """Kill the relay so often, then send the rest; return how many events had not arrived at the kills."""
    cut, undelivered = random.Random(9), 0
    pair.relay.reload()
    eventually(lambda: pair.relay.entries("configuration reloaded"))
    for _ in range(rounds):
        undelivered += _round(pair, vendors, arrivals, cut)
        pair.start_relay()
    for vendor in vendors:
        vendor.finish(pair.relay.address)
    eventually(lambda: pair.status()["waiting"] + pair.status()["held"] == 0, 120)
    return undelivered


def _round(pair: Pair, vendors: Sequence[Vendor], arrivals: list[Arrival], cut: random.Random) -> int:
    """Send until the relay is killed; return how many accepted events had not arrived by then."""
    before = sum(len(vendor.accepted) for vendor in vendors)
    threads = [
        threading.Thread(target=vendor.send_until_it_is_gone, args=(pair.relay.address,))
        for vendor in vendors
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: sum(len(vendor.accepted) for vendor in vendors) >= before + 20, 30)
    time.sleep(cut.random() * 0.2)
    pair.relay.kill()
    for thread in threads:
        thread.join(30)
    accepted = set().union(*(vendor.accepted for vendor in vendors))
    return len(accepted - {one.id for one in list(arrivals)})


def _in_order(events: list[dict[str, Any]]) -> None:
    """Of each incident in each repository the start was seen before the end."""
    seen: dict[tuple[str, str], list[str]] = {}
    for event in events:
        kinds = seen.setdefault((event["incidentId"], event["repo"]), [])
        if event["kind"] not in kinds:
            kinds.append(event["kind"])
    wrong = {name: kinds for name, kinds in seen.items() if kinds[0] != "incidentStarted"}
    assert wrong == {}
