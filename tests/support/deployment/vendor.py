"""A vendor before a proxy: it sends one delivery after the other, and each again until it is answered 2xx."""

import threading
import time
from typing import Self

import requests

from tests.support.processes import eventually
from tests.support.relay.deliveries import Delivery, pagerduty


def wait_until_ready(proxy: str) -> None:
    """Wait until a first delivery, QFIRST, is taken, and all is ready."""

    def ready() -> bool:
        try:
            delivered = pagerduty("incident.triggered", "QFIRST").post(proxy).ok
            return delivered and requests.get(f"{proxy}/readyz", timeout=10).ok
        except requests.ConnectionError:
            return False

    eventually(ready, 120)


class Vendor:
    """Sends as long as a block lasts; `accepted` has the incidents, and `answers` each status that came."""

    def __init__(self, url: str) -> None:
        self.accepted: list[str] = []
        self.answers: set[int] = set()
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)

    def more(self, count: int) -> None:
        """Wait until *count* more deliveries were accepted."""
        aim = len(self.accepted) + count
        eventually(lambda: len(self.accepted) >= aim, 120)

    def wait_until_all_count(self, key: str) -> None:
        """Wait until QFIRST and every accepted delivery is one event, for who has *key* to read."""

        def counted() -> list[str]:
            answer = requests.get(
                f"{self._url}/api/events?limit=1000", headers={"webhook-key": key}, timeout=30
            )
            return sorted(event["incidentId"] for event in answer.json()["events"])

        eventually(lambda: counted() == sorted([*self.accepted, "QFIRST"]), 120)

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            incident = f"Q{len(self.accepted)}"
            delivery = pagerduty("incident.triggered", incident)
            while not self._sent(delivery):
                time.sleep(0.5)
            self.accepted.append(incident)

    def _sent(self, delivery: Delivery) -> bool:
        answer = delivery.post(self._url)
        self.answers.add(answer.status_code)
        return answer.ok
