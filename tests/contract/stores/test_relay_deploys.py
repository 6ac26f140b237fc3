"""Deploys in the relay's store, on SQLite and PostgreSQL: counted once, with the commits that pushes told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gitdailies_core.deploys.routing import Place
from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources.deploy_messages import Deploy, Push
from gitdailies_core.sources.protocol import CANCELLED, STARTED, Change, Message, Unreadable
from gitdailies_relay.accepting.acceptance import Accepted, Delivery
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.store.store import RelayStore

from tests.support import databases
from tests.support.empty_stores import RELAY
from tests.support.relay.bench import BEGAN, delivery

REPO = "larkspur/checkout"
PRODUCTION = Place(REPO, "production")


@pytest.fixture(params=databases.KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with databases.opened(request.param, tmp_path, tables=RELAY) as database:
        yield lambda: RelayStore(database())


def sha(number: int) -> str:
    return f"{number:040x}"


def deployed(number: int, *, minute: int = 0, **more: Any) -> Deploy:
    at = BEGAN + timedelta(minutes=minute)
    given = {"environment": "production", "deployment": str(number), **more}
    return Deploy.make(word="success", repo=REPO, sha=sha(number), at=at, platform="github-actions", **given)


def pushed(*numbers: int, before: int) -> Push:
    commits = [(sha(number), BEGAN + timedelta(seconds=number), "work") for number in numbers]
    return Push.make(
        word="push", repo=REPO, branch="main", before=sha(before), after=sha(numbers[-1]), commits=commits
    )


def of(name: str, *messages: Message, refusal: Reason | None = None) -> Delivery:
    """A delivery with these messages, whose deploys count in production unless *refusal* says why not."""
    routed = tuple(
        RoutedMessage(
            message,
            f"{name}-{index}",
            refusal=refusal if isinstance(message, Deploy) else None,
            place=PRODUCTION if isinstance(message, Deploy) and refusal is None else None,
        )
        for index, message in enumerate(messages)
    )
    return Delivery(name, 1, "default", Interpretation("ci", "application/json", b"{}", "", routed))


def accept(make: Any, *deliveries: Delivery) -> tuple[list[Accepted], list[dict[str, Any]], Sequence[Any]]:
    """Accept one after the other; return what became of each, the events and the outbox's partitions."""

    async def whole() -> tuple[list[Accepted], list[dict[str, Any]], Sequence[Any]]:
        running = make()
        running.open()
        try:
            accepted = [await running.accept(one) for one in deliveries]
            bodies = running.report(lambda s: s.execute("SELECT body FROM events ORDER BY seq").fetchall())
            outbox = running.report(
                lambda s: s.execute("SELECT partition, is_next FROM outbox ORDER BY seq").fetchall()
            )
            return accepted, [json.loads(body) for (body,) in bodies], [tuple(row) for row in outbox]
        finally:
            await running.close()

    return asyncio.run(whole())


def test_messages_about_one_deploy_give_one_event(store: Any) -> None:
    """A redelivery has the same key; another message about the deployment has another. Both are repeats."""
    accepted, events, outbox = accept(
        store,
        of("a", deployed(1)),
        of("a", deployed(1)),
        of("b", deployed(1, minute=1)),
        of("c", deployed(2)),
    )

    assert [one.outcomes for one in accepted] == [("stored",), ("repeated",), ("repeated",), ("stored",)]
    assert accepted[0].events == accepted[1].events == accepted[2].events
    assert [event["commitSHA"] for event in events] == [sha(1), sha(2)]
    assert outbox == [
        ("default/ci/larkspur/checkout production", 1),
        ("default/ci/larkspur/checkout production", 0),
    ]


def test_two_messages_of_one_delivery_are_one_deploy(store: Any) -> None:
    """Both name the same event."""
    (accepted,), events, _ = accept(store, of("a", deployed(1), deployed(1)))

    assert accepted.outcomes == ("stored", "repeated")
    assert len(set(accepted.events)) == len(events) == 1


def test_a_deploy_brings_what_was_pushed_since_the_last_one(store: Any) -> None:
    """Pushes may come doubled and out of order. A gap is unknown, and then the event says nothing."""
    later, earlier = pushed(4, 5, before=3), pushed(2, 3, before=1)
    _, events, _ = accept(
        store,
        of("d1", deployed(1)),
        of("p2", later),
        of("p1", earlier),
        of("p3", earlier),
        of("d5", deployed(5, minute=5)),
        of("d9", deployed(9, minute=9)),
    )

    assert "commits" not in events[0]
    assert [commit["sha"] for commit in events[1]["commits"]] == [sha(5), sha(4), sha(3), sha(2)]
    assert all(commit["time"] for commit in events[1]["commits"])
    assert "commits" not in events[2]


def test_a_deploy_that_no_route_names_is_stored_for_a_replay(store: Any) -> None:
    """It makes no event; the reason has its code."""
    (accepted,), events, _ = accept(
        store, of("a", deployed(1), refusal=Reason(NO_ROUTE, "no route names 'lint'"))
    )

    assert (accepted.outcomes, accepted.events, accepted.quarantine_code) == (("ignored",), (), "")
    assert [reason.code for reason in accepted.reasons] == [NO_ROUTE]
    assert events == []


def test_a_deploy_without_an_application_commit_is_quarantined(store: Any) -> None:
    """An upgrade or a route may make it count, so its body waits for a replay."""
    (accepted,), events, _ = accept(
        store, of("a", deployed(1), refusal=Reason(NO_COMMIT, "no application commit"))
    )

    assert (accepted.outcomes, accepted.quarantine_code) == ((NO_COMMIT,), NO_COMMIT)
    assert events == []


def test_one_unreadable_message_does_not_hold_back_the_others(store: Any) -> None:
    """The body is quarantined, and the rest counts."""
    (accepted,), events, _ = accept(
        store, of("a", deployed(1), Unreadable("[1].sha: expected text"), deployed(2))
    )

    assert accepted.quarantine_code == UNEXPECTED_PAYLOAD
    assert len(events) == len(accepted.events) == 2


def test_a_cancelled_incident_ends_without_a_recovery(store: Any) -> None:
    """The event says how it ended."""
    start = delivery("A", STARTED, BEGAN)
    (routed,) = start.interpretation.messages
    assert isinstance(routed.message, Change)
    change = Change.make(
        state=CANCELLED,
        word="cancelled",
        incident="A",
        at=BEGAN + timedelta(hours=1),
        services=routed.message.services,
    )
    end = RoutedMessage(change, "end A", routed.targets)
    ended = start._replace(id="e", interpretation=start.interpretation._replace(messages=(end,)))

    _, events, _ = accept(store, start, ended)

    assert [event.get("resolution") for event in events] == [None, "cancelled"]
