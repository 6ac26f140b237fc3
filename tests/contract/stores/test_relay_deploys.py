"""Deploys in the relay's store, on SQLite and PostgreSQL: counted once, with the commits that pushes told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.deploys.routing import DeployRoute, DeployRoutes
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.reasons import NO_COMMIT, NO_ROUTE, UNEXPECTED_PAYLOAD, Reason
from gitdailies_core.sources import registry
from gitdailies_core.sources.deploy_messages import Push
from gitdailies_core.sources.protocol import Unreadable
from gitdailies_core.sources.request import Request
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.renames import Renames
from gitdailies_relay.accepting.acceptance import Accepted, Delivery
from gitdailies_relay.accepting.deploys import settle
from gitdailies_relay.accepting.interpret import Interpretation, interpret
from gitdailies_relay.store.deploys import join_names
from gitdailies_relay.store.store import RelayStore, acceptance_store
from gitdailies_server.storage.database import Database, Session

from tests.support.core.pushes import BEGAN, PRODUCTION, REPO, deployed, pushed, sha
from tests.support.relay.deploys import flux
from tests.support.relay.stores import serving
from tests.support.relay.told import told


@pytest.fixture
def store(relay_database: Callable[[], Database]) -> RelayStore:
    return RelayStore(relay_database())


def accept(
    store: RelayStore, *deliveries: Delivery, later: bool = False
) -> tuple[list[Accepted], list[dict[str, Any]], Sequence[Any]]:
    """Accept one after the other; return what became of each, the events and the outbox's partitions.

    *later* is when no deploy waits any more.
    """

    async def whole() -> list[Accepted]:
        async with serving(store):
            accepted = [await store.writer.put(one) for one in deliveries]
            if later:
                await store.run(partial(_end_waits, store.database))
        return accepted

    accepted = asyncio.run(whole())
    bodies = rows(store, "SELECT body FROM events ORDER BY seq")
    outbox = rows(store, "SELECT partition, is_next FROM outbox ORDER BY seq")
    return accepted, [json.loads(body) for (body,) in bodies], outbox


def rows(store: RelayStore, statement: str) -> list[Any]:
    with closing(store.database.connect()) as session:
        return [tuple(row) for row in session.execute(statement).fetchall()]


def _end_waits(database: Any, session: Session) -> None:
    settle(acceptance_store(database, session), [REPO], 10**18)


def test_messages_about_one_deploy_give_one_event(store: RelayStore) -> None:
    """A redelivery has the same key; another message about the deployment has another. Both are repeats."""
    accepted, events, outbox = accept(
        store,
        told("a", deployed(1)),
        told("a", deployed(1)),
        told("b", deployed(1, minute=1)),
        told("c", deployed(2)),
    )

    assert [one.outcomes for one in accepted] == [("stored",), ("repeated",), ("repeated",), ("stored",)]
    assert accepted[0].events == accepted[1].events == accepted[2].events
    assert [event["commitSHA"] for event in events] == [sha(1), sha(2)]
    assert outbox == [
        ("default/ci/larkspur/checkout production", 1),
        ("default/ci/larkspur/checkout production", 0),
    ]


def test_two_messages_of_one_delivery_are_one_deploy(store: RelayStore) -> None:
    """Both name the same event."""
    (accepted,), events, _ = accept(store, told("a", deployed(1), deployed(1)))

    assert accepted.outcomes == ("stored", "repeated")
    assert len(set(accepted.events)) == len(events) == 1


def test_a_line_of_several_repositories_counts_for_each(store: RelayStore) -> None:
    """Also where the object goes back to an old revision. A repository that is added changes no id.

    A late or second message is a repeat, and another object is reported by itself.
    """

    def read(number: int, minute: int, *also: str, name: str = "checkout") -> Interpretation:
        delivery = flux("larkspur/fleet", sha(number), at=BEGAN + timedelta(minutes=minute), name=name)
        lines = {f"checkout/{name}": DeployRoute(REPO, "production", also=also)}
        source = Source("ci", "flux", (), route=DeployRoutes.make(lines))
        given = Request.make(headers=delivery.headers, body=delivery.body)
        return interpret(given, source, registry.adapter("flux"), Routes.make({}), "")

    steps = [(1, 1), (2, 3), (1, 2), (1, 4), (1, 5)]
    read_both = [read(*step, "larkspur/cart") for step in steps]
    every = [*read_both, *read_both, read(1, 2, name="jobs")]
    _, events, _ = accept(store, *(Delivery(f"d{n}", 1, "default", one) for n, one in enumerate(every)))

    assert [(one["repo"], one["commitSHA"]) for one in events] == [
        *((repo, sha(number)) for number in (1, 2, 1) for repo in (REPO, "larkspur/cart")),
        (REPO, sha(1)),
    ]
    assert len({one["id"] for one in events}) == 7
    assert read(1, 1).messages == read_both[0].messages[:1]


def test_a_deploy_brings_what_was_pushed_since_the_last_one(store: RelayStore) -> None:
    """Pushes may come doubled and out of order. A gap is unknown, and then the event says nothing."""
    later, earlier = pushed(4, 5, before=3), pushed(2, 3, before=1)
    _, events, _ = accept(
        store,
        told("d1", deployed(1)),
        told("p2", later),
        told("p1", earlier),
        told("p3", earlier),
        told("d5", deployed(5, minute=5)),
        told("d9", deployed(9, minute=9)),
    )

    assert "commits" not in events[0]
    assert [commit["sha"] for commit in events[1]["commits"]] == [sha(5), sha(4), sha(3), sha(2)]
    assert all(commit["time"] for commit in events[1]["commits"])
    assert [commit["parents"] for commit in events[1]["commits"]] == [[sha(n)] for n in (4, 3, 2, 1)]
    assert "commits" not in events[2]


def test_another_report_of_the_commit_that_is_there_does_not_say_that_nothing_was_new(
    store: RelayStore,
) -> None:
    """It says what the first one said. A commit that came back after another one brought nothing."""
    _, events, _ = accept(
        store,
        told("p0", pushed(1, before=0)),
        told("d1", deployed(1)),
        told("d7", deployed(7, minute=1)),
        told("d7 again", deployed(7, minute=2, deployment="again")),
        told("p2", pushed(8, before=7)),
        told("d8", deployed(8, minute=3)),
        told("d8 again", deployed(8, minute=4, deployment="once more")),
        told("d7 back", deployed(7, minute=5, deployment="back")),
        later=True,
    )

    lists = [event.get("commits") for event in events]
    assert lists[:3] == [None, None, None]
    assert [[one["sha"] for one in commits] for commits in lists[3:5] if commits] == [[sha(8)]] * 2
    assert lists[5] == []


def test_no_parent_is_invented_where_a_push_has_a_merge(store: RelayStore) -> None:
    """A merge that went to main is known as a whole; which of it a deploy of its branch had is not."""

    def merged(*numbers: int, before: int, message: str) -> Push:
        given = pushed(*numbers, before=before)
        last = given.commits[-1]._replace(message=message)
        return replace(given, commits=(*given.commits[:-1], last))

    branch = pushed(11, branch="hotfix/q", message="fix")
    _, events, _ = accept(
        store,
        told("p1", pushed(4, 5, before=3)),
        told("d4", deployed(4)),
        told("d5", deployed(5, minute=1)),
        told("p2", merged(1, 2, 6, before=5, message="Merge feat/a")),
        told("d6", deployed(6, minute=2)),
        told("p3", branch),
        told("d11", deployed(11, minute=3)),
        told("p4", pushed(12, before=6)),
        told("p5", merged(11, 13, before=12, message="Merge pull request #3 from larkspur/hotfix/q")),
        told("d13", deployed(13, minute=4)),
        told("p6", pushed(14, before=13)),
        told("d14", deployed(14, minute=5)),
        later=True,
    )

    lists = [
        [(one["sha"], one.get("parents")) for one in event["commits"]] if "commits" in event else None
        for event in events
    ]
    assert lists[1:] == [
        [(sha(5), [sha(4)])],
        [(sha(2), None), (sha(1), None), (sha(5), None)],
        None,
        None,
        [(sha(14), [sha(13)])],
    ]


def test_a_deploy_says_which_pushed_commits_are_outside_its_service(store: RelayStore) -> None:
    """The files of the latest push of a commit tell; where none tells anything, it stays open."""
    api = PRODUCTION._replace(service="Api")

    def touching(*services: bool | None) -> Push:
        given = pushed(2, 3, 4, before=1)
        known = [{} if one is None else {"api": one, "web": True} for one in services]
        commits = zip(given.commits, known, strict=True)
        return replace(given, commits=tuple(one._replace(services=of) for one, of in commits))

    _, events, _ = accept(
        store,
        told("d1", deployed(1), place=api),
        told("p1", touching(True, True, None)),
        told("p2", touching(True, False, None)),
        told("d4", deployed(4, minute=5), place=api),
        told("o1", deployed(1, minute=6, deployment="web")),
        told("o4", deployed(4, minute=7, deployment="web4")),
    )

    assert [commit.get("outside") for commit in events[1]["commits"]] == [None, True, False]
    assert [commit["parents"] for commit in events[1]["commits"]] == [[sha(2)], [sha(2)], [sha(1)]]
    # A deploy without a service brought all of them.
    assert not any("outside" in commit for commit in events[3]["commits"])


def test_a_deploy_of_a_renamed_repository_goes_on(store: RelayStore) -> None:
    """It brings what came since the last deploy under the former name; one that waits gets its push."""
    before = (told("d1", deployed(1)), told("p", pushed(2, 3, before=1)), told("d9", deployed(9, minute=9)))
    after = (told("d3", deployed(3, minute=3)), told("p9", pushed(9, before=3)))

    async def whole() -> None:
        async with serving(store):
            for one in before:
                await store.writer.put(one)
            await store.run(partial(join_names, renames=Renames(((REPO, "larkspur/till"),))))
            for one in map(under_new_name, after):
                await store.writer.put(one)

    asyncio.run(whole())
    names = rows(store, "SELECT DISTINCT repo FROM deployed_commits")
    bodies = rows(store, "SELECT body FROM events")
    assert [name for (name,) in names] == ["larkspur/till"]
    events = {event["commitSHA"]: event for event in (json.loads(body) for (body,) in bodies)}
    assert [events[sha(number)]["repo"] for number in (1, 9, 3)] == [REPO, REPO, "larkspur/till"]
    assert [commit["sha"] for commit in events[sha(3)]["commits"]] == [sha(3), sha(2)]
    assert [commit["sha"] for commit in events[sha(9)]["commits"]] == [sha(9)]


def under_new_name(one: Delivery) -> Delivery:
    """The same delivery, as it is routed with the former name in `repositories`."""
    (routed,) = one.interpretation.messages
    if isinstance(routed.message, Push):
        routed = routed._replace(message=replace(routed.message, repo="larkspur/till"))
    else:
        routed = routed._replace(place=DeployTarget("larkspur/till", "production"))
    return one._replace(interpretation=one.interpretation._replace(messages=(routed,)))


def test_a_deploy_that_no_route_names_is_stored_for_a_replay(store: RelayStore) -> None:
    """It makes no event; the reason has its code."""
    (accepted,), events, _ = accept(
        store, told("a", deployed(1), refusal=Reason(NO_ROUTE, "no route names 'lint'"))
    )

    assert (accepted.outcomes, accepted.events, accepted.quarantine_code) == (("ignored",), (), "")
    assert [reason.code for reason in accepted.reasons] == [NO_ROUTE]
    assert events == []


def test_a_deploy_without_an_application_commit_is_quarantined(store: RelayStore) -> None:
    """An upgrade or a route may make it count, so its body waits for a replay."""
    (accepted,), events, _ = accept(
        store, told("a", deployed(1), refusal=Reason(NO_COMMIT, "no application commit"))
    )

    assert (accepted.outcomes, accepted.quarantine_code) == ((NO_COMMIT,), NO_COMMIT)
    assert events == []


def test_one_unreadable_message_does_not_hold_back_the_others(store: RelayStore) -> None:
    """The body is quarantined, and the rest counts."""
    (accepted,), events, _ = accept(
        store, told("a", deployed(1), Unreadable("[1].sha: expected text"), deployed(2))
    )

    assert accepted.quarantine_code == UNEXPECTED_PAYLOAD
    assert len(events) == len(accepted.events) == 2
