"""The compose file as the guide starts it: each server restarts under deliveries, and each counts once."""

from __future__ import annotations

import re
import shutil
import threading
import time
from pathlib import Path
from typing import Self

import pytest
import requests

from tests.support.deployment.engine import PEERS, ROOT, Engine
from tests.support.processes import eventually
from tests.support.relay.deliveries import SECRETS, Delivery, pagerduty

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

GUIDE = (ROOT / "docs/do/compose.md").read_text().partition("## Start\n")[2].partition("\n## ")[0]
START, RESTART = re.findall(r"^```shell\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PLACEHOLDER = "paste the secret of the webhook here"


class Vendor:
    """Sends one delivery after the other through the proxy, and each again until it is answered 2xx."""

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


def test_each_delivery_counts_once_whatever_restarts(images: Engine, tmp_path: Path) -> None:
    """While one relay, the other and then PostgreSQL restart, answers are 2xx or 503, and nothing is lost."""
    shutil.copytree(ROOT / "deployment", tmp_path / "deployment")
    folder = tmp_path / "deployment"
    assert START.startswith("cd deployment\n")
    assert PLACEHOLDER in START
    for name in PEERS:
        images.build(name)
    with images.health_checks():
        for line in START.replace(PLACEHOLDER, SECRETS["pagerduty-secret"]).splitlines()[1:]:
            log = images.typed(line, folder)
    assert re.search(r"first owner: open http://localhost:8080/join/\S+", log)
    proxy = f"http://{images.address('gitdailies_proxy_1')}:8080"

    def ready() -> bool:
        try:
            delivered = pagerduty("incident.triggered", "QFIRST").post(proxy).ok
            return delivered and requests.get(f"{proxy}/readyz", timeout=10).ok
        except requests.ConnectionError:
            return False

    eventually(ready, 120)
    with Vendor(proxy) as vendor:
        vendor.more(5)
        for line in RESTART.splitlines():
            images.typed(line, folder)
            vendor.more(5)
        assert vendor.answers == {202}
        images.typed("docker compose restart postgresql", folder)
        vendor.more(10)
    assert vendor.answers <= {202, 503}

    keys = "docker compose exec -T dora gitdailies keys create reader --allow read --quiet"
    headers = {"webhook-key": images.typed(keys, folder)}

    def counted() -> list[str]:
        answer = requests.get(f"{proxy}/api/events?limit=1000", headers=headers, timeout=30)
        return sorted(event["incidentId"] for event in answer.json()["events"])

    expected = sorted([*vendor.accepted, "QFIRST"])
    eventually(lambda: counted() == expected, 120)
    page = requests.get(f"{proxy}/sign-in", timeout=10)
    assert page.status_code == 200
    for container in ("relay-1", "relay-2", "dora"):
        images.podman("exec", f"gitdailies_{container}_1", "gitdailies", "alive", "--ready")
    images.typed("docker compose down --volumes", folder)
