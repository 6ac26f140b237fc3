"""Vendors: each sends the life of one incident after another, and every delivery until it is answered."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import requests

from tests.support.relay.deliveries import Delivery, pagerduty

_ENDED_AT, _REOPENED_AT, _ENDED_AGAIN_AT = (
    "2026-03-04T10:02:18Z",
    "2026-03-04T11:30:22Z",
    "2026-03-04T11:58:47Z",
)


@dataclass
class Vendor:
    """`accepted` has the ids from its 202 answers, in the order of the decisions."""

    name: str
    odds: random.Random
    accepted: list[str] = field(default_factory=list)
    refused: int = 0
    unanswered: int = 0
    _deliveries: Iterator[Delivery] = field(init=False)

    def __post_init__(self) -> None:
        self._deliveries = self._all()

    def send(self, count: int, relay: Callable[[], str], give_up_at: float) -> None:
        """Send *count* deliveries, each to what *relay* returns then, until each has its 2xx."""
        with requests.Session() as session:
            for _ in range(count):
                self._until_answered(next(self._deliveries), session, relay, give_up_at)
                time.sleep(self.odds.random() * 0.15)

    def _until_answered(
        self, delivery: Delivery, session: requests.Session, relay: Callable[[], str], give_up_at: float
    ) -> None:
        while time.monotonic() < give_up_at:
            try:
                reply = delivery.post(relay(), session)
            except requests.RequestException:
                self.unanswered += 1
            else:
                if reply.status_code != 503:
                    assert reply.status_code in (200, 202), reply.text
                    known = set(self.accepted[-100:])
                    self.accepted += [id_ for id_ in reply.json().get("events", ()) if id_ not in known]
                    return
                self.refused += 1
            time.sleep(0.1)
        raise AssertionError(f"{self.name}: expected an answer, got none in time")

    def _all(self) -> Iterator[Delivery]:
        number = 0
        while True:
            incident, service = f"{self.name}-{number}", self.odds.choice(("ledger", "checkout-api", "shop"))
            yield pagerduty("incident.triggered", incident, service=service)
            yield pagerduty("incident.acknowledged", incident, service=service)
            yield pagerduty("incident.resolved", incident, service=service, at=_ENDED_AT)
            reopened = {"at": _REOPENED_AT, "reopened_at": _REOPENED_AT}
            yield pagerduty("incident.reopened", incident, service=service, **reopened)
            ended = {"at": _ENDED_AGAIN_AT, "reopened_at": _REOPENED_AT}
            yield pagerduty("incident.resolved", incident, service=service, **ended)
            number += 1
