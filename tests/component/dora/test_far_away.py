"""A database that is far away: how often a question goes there and back."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import pytest
from gitdailies_dora.accounts.people_store import invite_owner
from gitdailies_dora.derived import worker

from tests.support.databases import postgresql_url
from tests.support.dora import made_up_week
from tests.support.dora.running import Receiver, at, in_thread
from tests.support.dora.visitor import Visitor
from tests.support.empty_stores import DORA
from tests.support.slow_link import SlowLink, slow_link

MOST = 6
MONDAY = made_up_week.last_monday() - timedelta(weeks=1)
EVENTS = made_up_week.events_of(MONDAY)
ROLLED_BACK = f"pay-{MONDAY + timedelta(days=2, hours=13):%m%d%H%M}"
USUAL, START, END = EVENTS[0]["id"], "INC-20-shop-start", "INC-20-shop-end"
API = (
    "/api/metrics",
    "/api/metrics?repo=larkspur/pay",
    "/api/metrics?team=pay",
    "/api/metrics?environment=staging",
    "/api/metrics/series?by=team&interval=week",
    "/api/metrics/series?by=repo&interval=week&compare=before&rolling=4w",
    "/api/metrics/series?by=environment",
    "/api/metrics/prometheus",
    "/api/events?limit=10",
    f"/api/events/{USUAL}",
    f"/api/events/{ROLLED_BACK}",
    f"/api/events/{START}",
    f"/api/events/{END}",
)
PAGES = (
    "/dora",
    "/dora?repo=larkspur/pay",
    "/dora?team=pay&with=base",
    f"/deploys/{USUAL}",
    f"/incidents/{START}",
)


class Far(NamedTuple):
    """A receiver whose database is far away, and what asks it."""

    link: SlowLink
    asks: dict[str, Callable[[], Any]]


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    # What the server does every second would be counted, too.
    with postgresql_url(DORA) as url, patch.object(worker, "PAUSE_SECONDS", 3600.0):
        parts = urlsplit(url)
        with slow_link(parts.port or 5432) as link:
            address = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{link.port}"))
            with in_thread(at(address), teams=made_up_week.TEAMS) as receiver:
                yield Far(link, _filled(receiver))


def _filled(receiver: Receiver) -> dict[str, Callable[[], Any]]:
    sender, reader, owner = receiver.key("sender"), receiver.key("reader", "read"), Visitor(receiver)
    assert receiver.post(sender, EVENTS).status_code == 202
    owner.join(invite_owner(receiver.store), "Kim")
    deploy = {"kind": "deployed", "repo": "larkspur/pay", "environment": "production"}
    return {
        **{path: partial(receiver.get, reader, path) for path in API},
        **{path: partial(owner.get, path) for path in PAGES},
        "POST": lambda: receiver.post(sender, {**deploy, "commitSHA": f"{time.time_ns():040x}"}),
    }


@pytest.mark.parametrize("name", [*API, *PAGES])
def test_a_question_takes_at_most_six_round_trips(far: Far, name: str) -> None:
    """Each kind of question, once its server is warm: with its key or its session, and all of its answer."""
    assert _trips(far, name) <= MOST


def test_an_event_is_taken_in_four_round_trips(far: Far) -> None:
    """One for the key, two to decide, one to write and to commit."""
    assert _trips(far, "POST") <= 4


def _trips(far: Far, name: str) -> int:
    for _ in range(3):  # the first ones connect, and derive what was just stored
        before = far.link.trips
        answer = far.asks[name]()
        assert answer.status_code in (200, 202), answer.text
    return far.link.trips - before
