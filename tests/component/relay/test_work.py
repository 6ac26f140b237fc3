"""The cost of a delivery in calls, since times are noise on a shared machine and calls are not.

A bound is the count at the time of writing plus a tenth. A change that needs more raises it knowingly.
"""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from itertools import count as counted
from pathlib import Path
from types import FrameType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from gitdailies_relay.store import store

from tests.support import databases
from tests.support.relay.deliveries import pagerduty
from tests.support.relay.running import configure, in_thread

ROOMS = str(Path(__file__).parents[3])
DELIVERIES = 50
NUMBERS = counted()


class Calls:
    """Counts the calls of the project's own functions, in every thread that starts inside its block."""

    def __init__(self) -> None:
        self.counting = False
        self.of: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if self.counting and event == "call":
            code = frame.f_code
            file = code.co_filename
            # Comprehensions are calls on some versions of Python, and not on others.
            if file.startswith(ROOMS) and "site-packages" not in file and not code.co_name.startswith("<"):
                self.of[f"{Path(file).name} {code.co_name}"] += 1

    def __enter__(self) -> Self:
        threading.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)


BOUNDS = {"sqlite": 232, "postgresql": 262}


@pytest.mark.parametrize("kind", databases.KINDS)
def test_calls_a_delivery(kind: str, tmp_path: Path) -> None:
    """Fifty starts, one after the other on one connection, while nothing is sent on.

    On a busy machine other threads make calls meanwhile, which only adds. So the least of ten rounds counts.
    """
    rounds = []
    with databases.setting(kind) as setting, Calls() as calls:
        file = configure(tmp_path, store=setting)
        with in_thread(file) as relay:
            with store.transaction(relay.database) as session:
                store.pause(session, "default", "manual", "a test")
            address = urlsplit(relay.url)
            connection = http.client.HTTPConnection(address.hostname or "", address.port)
            deliver(connection, 5)
            for _ in range(10):
                calls.of = Counter()
                calls.counting = True
                deliver(connection, DELIVERIES)
                calls.counting = False
                rounds.append(calls.of)
                if calls.of.total() <= BOUNDS[kind] * DELIVERIES:
                    break
            connection.close()

    least = min(rounds, key=Counter.total)
    each = least.total() / DELIVERIES
    most = "\n".join(f"{count / DELIVERIES:6.1f} {name}" for name, count in least.most_common(30))
    assert BOUNDS[kind] / 2 < each <= BOUNDS[kind], f"{each:.0f} calls a delivery, most of them\n{most}"


def deliver(connection: http.client.HTTPConnection, count: int) -> None:
    for _ in range(count):
        one = pagerduty("incident.triggered", f"Q{next(NUMBERS)}")
        connection.request("POST", f"/hooks/{one.source}", one.body, one.headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
