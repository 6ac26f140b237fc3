"""What is held, on both databases: deploys that wait for late pushes, and incidents; and what goes when."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Message, Service
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_relay.accepting.acceptance import Delivery
from gitdailies_relay.accepting.deploys import WAIT
from gitdailies_relay.accepting.interpret import Interpretation, RoutedMessage
from gitdailies_relay.operations import acting, erase
from gitdailies_relay.store.outbox import DELIVERED, Attempt
from gitdailies_relay.store.store import RelayStore
from gitdailies_server.storage.database import Database, transaction
from gitdailies_server.storage.erasing import Erasure
from gitdailies_server.storage.timestamps import now_us

from tests.support.core import pushes
from tests.support.core.pushes import BEGAN, PRODUCTION, REPO, pushed, sha
from tests.support.relay import reports
from tests.support.relay.told import told

SUBJECT = f"{REPO} production"


class Sent(NamedTuple):
    """An event that may be sent: its commit, and those that it brought or None."""

    sha: int
    commits: list[int] | None


class Relay:
    """A store, and what its worker would send of it, in that order."""

    def __init__(self, store: RelayStore, loop: asyncio.AbstractEventLoop) -> None:
        self.store = store
        self._loop = loop
        self._later = 0
        self._counts = itertools.count()

    def take(self, *messages: Message, place: DeployTarget = PRODUCTION, replay: bool = False) -> list[str]:
        """Accept messages as deliveries of one batch; return the reasons."""
        return self.accept(
            *(told(f"d{next(self._counts)}", one, place=place)._replace(replay=replay) for one in messages)
        )

    def accept(self, *deliveries: Delivery) -> list[str]:
        async def together() -> list[str]:
            given = [self.store.writer.put(one) for one in deliveries]
            return [reason for one in await asyncio.gather(*given) for reason in one.texts]

        return self._loop.run_until_complete(together())

    def pass_time(self, time: timedelta = WAIT) -> None:
        """Let time pass for the store's clock, and end the holds that are over then."""
        self._later += time // timedelta(microseconds=1)
        later = self._later
        self.store.now = lambda: now_us() + later  # type: ignore[method-assign]

        async def end() -> None:
            await self.store.end_holds(await self.store.standing())

        self._loop.run_until_complete(end())

    def sent(self) -> list[Sent]:
        """Send the deploys that may be sent, one after the other."""
        found = []
        for body in self.bodies():
            commits = body.get("commits")
            listed = None if commits is None else [int(one["sha"], 16) for one in commits]
            found.append(Sent(int(body["commitSHA"], 16), listed))
        return found

    def bodies(self) -> list[dict[str, Any]]:
        """Send what may be sent; return the bodies."""

        async def all_of_it() -> list[dict[str, Any]]:
            found = []
            while events := await self.store.ready(10):
                for event in events:
                    found.append(json.loads(event.body))
                    attempt = Attempt(event.seq, now_us(), 202, DELIVERED)
                    await self.store.record([attempt], [event.partition])
            return found

        return self._loop.run_until_complete(all_of_it())

    def explained(self, subject: str = SUBJECT) -> dict[str, Any]:
        found: dict[str, Any] = self.store.report(lambda session: reports.explain(session, subject))
        return found

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.store.report(reports.status)
        return found

    def rows(self, statement: str) -> list[Any]:
        return [tuple(row) for row in self.store.report(lambda s: s.execute(statement).fetchall())]


@pytest.fixture
def relay(relay_database: Callable[[], Database]) -> Iterator[Relay]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    store = RelayStore(relay_database())

    async def begin() -> None:
        store.prepare()
        store.start()

    loop.run_until_complete(begin())
    yield Relay(store, loop)
    loop.run_until_complete(store.close())
    asyncio.set_event_loop(None)
    loop.close()


def deployed(number: int, minute: float | None = None, **more: Any) -> Deploy:
    """A deployment of its own of commit *number*, as many minutes after the beginning."""
    minutes = number if minute is None else minute
    return pushes.deployed(number, minute=minutes, deployment=f"{number} {minutes}", **more)


def test_a_deploy_waits_for_its_push(relay: Relay) -> None:
    """Its push comes later: it goes at once, with its own time and its commits."""
    relay.take(pushed(1, before=0), deployed(1))
    assert relay.sent() == [Sent(1, None)]

    relay.take(deployed(3))
    assert relay.sent() == []
    (_, waiting) = relay.explained()["events"]
    assert (waiting["state"], waiting["heldFor"]) == ("held", "push")
    assert relay.explained()["deliveries"][1]["reason"] == (
        "held: it waits up to 10m for its push: no push of its commit came"
    )
    assert (relay.status()["held"], relay.status()["waitingForPush"]) == (1, 1)

    relay.take(pushed(2, 3, before=1))
    assert relay.sent() == [Sent(3, [3, 2])]
    assert relay.explained()["events"][1]["event"]["time"] == "2026-03-04T09:03:00Z"
    assert relay.explained()["deliveries"][1]["reason"] == "its push came later"
    assert (relay.status()["held"], relay.status()["waitingForPush"]) == (0, 0)


def test_a_deploy_that_was_held_behind_another_says_so(relay: Relay) -> None:
    """Its own push was there. Only the deploy before it waited for one."""
    relay.take(pushed(1, before=0), deployed(1), deployed(3), pushed(4, before=3), deployed(4))
    assert relay.explained()["deliveries"][2]["reason"] == (
        "held: a deploy before it at its place waits for its push"
    )
    relay.take(pushed(2, 3, before=1))
    reasons = [one["reason"] for one in relay.explained()["deliveries"][1:3]]
    assert reasons == ["its push came later", "it came after a deploy that waited for its push"]


def test_a_deploy_goes_without_commits_after_ten_minutes(relay: Relay) -> None:
    """A gap is unknown. It says why it has no commits."""
    relay.take(pushed(1, before=0), deployed(1), deployed(3))
    relay.take(pushed(3, before=2))
    assert relay.sent() == [Sent(1, None)]
    relay.pass_time(WAIT - timedelta(minutes=1))
    assert relay.sent() == []

    relay.pass_time(timedelta(minutes=1))

    assert relay.sent() == [Sent(3, None)]
    assert relay.explained()["deliveries"][1]["reason"] == (
        "no commits: the pushes that came do not lead back to 000000000000, deployed before"
    )
    assert relay.rows("SELECT * FROM waiting_deploys") == []


def test_without_a_predecessor_or_any_push_nothing_waits(relay: Relay) -> None:
    """Nor does one whose commits the vendor lists."""
    relay.take(deployed(1), deployed(2))
    assert relay.take(pushed(3, before=2)) == ["push: a push makes no event; its commits are remembered"]
    relay.take(deployed(9, commits=[(sha(9), None)]))

    assert [one["reason"] for one in relay.explained()["deliveries"][:2]] == [
        "no commits: no deploy before it is known at its place",
        "no commits: no push of its commit came",
    ]
    assert relay.rows("SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM ignored)") == [(0,)]
    assert relay.sent() == [Sent(1, None), Sent(2, None), Sent(9, [9])]


FIRST = (pushed(1, before=0), deployed(1))
# What comes, a batch or a time at once, and what is sent then.
STORIES: dict[str, list[tuple[Sequence[Message] | timedelta, list[Sent]]]] = {
    "a branch that began after the deploy before it leads nowhere, and nothing waits for it": [
        (FIRST, [Sent(1, None)]),
        ((pushed(4, branch="side", before=0), deployed(4, branch="side")), [Sent(4, None)]),
    ],
    "nor for a push that lists too little": [
        (FIRST, [Sent(1, None)]),
        ((pushed(4, branch="side", before=2, total=30), deployed(4, branch="side")), [Sent(4, None)]),
    ],
    "a commit that was deployed before brings nothing, although no push leads back to it": [
        (FIRST, [Sent(1, None)]),
        ((pushed(4, branch="side", before=2, total=30), deployed(4, branch="side")), [Sent(4, None)]),
        ([deployed(1, 6)], [Sent(1, [])]),
    ],
    "a rollback brings nothing new, whether its commit was deployed itself or with others": [
        ((*FIRST, pushed(2, 3, before=1), deployed(3)), [Sent(1, None), Sent(3, [3, 2])]),
        ([deployed(1, 4), deployed(3, 5), deployed(2, 6)], [Sent(1, []), Sent(3, [3, 2]), Sent(2, [])]),
        ((pushed(4, before=3), deployed(4, 7)), [Sent(4, [4, 3])]),
    ],
    "a complete deploy waits behind the one before it; the push lets both go in order": [
        ((*FIRST, pushed(3, before=2)), [Sent(1, None)]),
        ((deployed(2), deployed(3)), []),
        ([pushed(2, before=1)], [Sent(2, [2]), Sent(3, [3])]),
    ],
    "time decides, not arrival, and an earlier one that is complete waits for no later one": [
        (FIRST, [Sent(1, None)]),
        ([deployed(5)], []),
        ([deployed(4)], []),
        ([deployed(1, 2)], [Sent(1, None)]),
        ([pushed(5, before=4)], []),
        ([pushed(2, 3, 4, before=1)], [Sent(4, [4, 3, 2]), Sent(5, [5])]),
    ],
    "a deploy goes as soon as the one before it is known, where pushes lead back to that": [
        ((*FIRST, pushed(5, before=4)), [Sent(1, None)]),
        ([deployed(5)], []),
        ([deployed(4, commits=[(sha(4), None)])], [Sent(4, [4]), Sent(5, [5])]),
    ],
    "a deploy whose time is over takes those before it along, so none waits for longer": [
        (FIRST, [Sent(1, None)]),
        ([deployed(5)], []),
        (timedelta(minutes=5), []),
        ([deployed(4)], []),
        (timedelta(minutes=5), [Sent(4, None), Sent(5, None)]),
    ],
    "the push may be the later one of a batch": [
        (FIRST, [Sent(1, None)]),
        ((deployed(2), pushed(2, before=1)), [Sent(2, [2])]),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_what_comes_lets_these_deploys_go(story: str, relay: Relay) -> None:
    """After each batch or time, the deploys of the table are sent, in this order and with these commits."""
    for coming, sent in STORIES[story]:
        if isinstance(coming, timedelta):
            relay.pass_time(coming)
        else:
            relay.take(*coming)
        assert relay.sent() == sent


def test_other_places_do_not_wait(relay: Relay) -> None:
    """A service that waits holds up no other one of the same environment."""
    web, jobs = PRODUCTION._replace(service="web"), PRODUCTION._replace(service="jobs")
    for place in (web, jobs):
        relay.take(pushed(1, before=0), deployed(1), place=place)
    relay.sent()
    relay.take(deployed(3), place=web)
    relay.take(deployed(1, minute=4), place=jobs)

    assert relay.sent() == [Sent(1, None)]


def test_a_replayed_deploy_waits_as_others_do(relay: Relay) -> None:
    """It was stored without a route, say. One that counted before is a repeat, and waits no second time."""
    relay.take(pushed(1, before=0), deployed(1))
    relay.take(deployed(3), replay=True)
    relay.take(deployed(3), replay=True)
    assert relay.sent() == [Sent(1, None)]
    relay.take(pushed(2, 3, before=1))

    assert relay.sent() == [Sent(3, [3, 2])]
    relay.take(deployed(3), replay=True)
    assert relay.sent() == []


def test_a_damaged_deploy_holds_up_no_other(relay: Relay, relay_database: Callable[[], Database]) -> None:
    """It goes as it is, to become a dead letter. The next push and the next deploy are taken."""
    relay.take(pushed(1, before=0), deployed(1), deployed(3))
    with transaction(relay_database()) as session:
        session.execute("UPDATE events SET body = '{' WHERE seq = (SELECT max(seq) FROM events)")
    (damaged,) = relay.rows("SELECT id FROM events WHERE body = '{'")[0]
    relay.take(pushed(2, 3, 4, before=1), deployed(4))

    assert relay.status()["held"] == 0
    assert relay.rows("SELECT count(*) FROM outbox") == [(3,)]
    assert acting.discard_ids(relay_database(), [damaged], person="kim", reason="a test").events == [damaged]
    assert relay.rows("SELECT count(*) FROM outbox") == [(2,)]


def test_a_restarted_store_goes_on_waiting(relay_database: Callable[[], Database], relay: Relay) -> None:
    """What waits is in the store, not in the server."""
    relay.take(pushed(1, before=0), deployed(1), deployed(3))
    again = RelayStore(relay_database())
    relay._loop.run_until_complete(relay.store.close())

    async def begin() -> None:
        again.prepare()
        again.start()

    relay._loop.run_until_complete(begin())
    relay.store = again
    assert relay.sent() == [Sent(1, None)]
    relay.take(pushed(2, 3, before=1))

    assert relay.sent() == [Sent(3, [3, 2])]


def test_a_discarded_deploy_is_none(relay: Relay, relay_database: Callable[[], Database]) -> None:
    """What waits behind it goes, and the next deploy brings what it would have brought."""
    relay.take(pushed(1, before=0), deployed(1))
    relay.take(deployed(3), deployed(4), pushed(4, before=3))
    (_, waiting, _) = relay.explained()["events"]
    acting.discard_ids(relay_database(), [waiting["id"]], person="kim", reason="a test")
    assert relay.rows("SELECT sha FROM waiting_deploys") == [(sha(4),)]
    relay.take(pushed(2, 3, before=1))

    assert relay.sent() == [Sent(1, None), Sent(4, [4, 3, 2])]
    assert relay.explained()["events"][1]["state"] == "discarded"
    assert relay.take(deployed(3)) == []
    assert relay.sent() == []


def test_discarding_the_last_one_that_waits_lets_those_behind_it_go(
    relay: Relay, relay_database: Callable[[], Database]
) -> None:
    """No push has to come for that."""
    relay.take(pushed(1, before=0), deployed(1))
    relay.take(deployed(3), deployed(1, minute=4))
    (_, waiting, _) = relay.explained()["events"]
    acting.discard_ids(relay_database(), [waiting["id"]], person="kim", reason="a test")

    assert [one.sha for one in relay.sent()] == [1, 1]


def test_an_erased_deploy_leaves_nothing_of_its_place(
    relay: Relay, relay_database: Callable[[], Database]
) -> None:
    """Neither the commit that was deployed nor the wait."""
    relay.take(pushed(1, before=0), deployed(1), deployed(3))
    (_, waiting) = relay.explained()["events"]
    erase.erase(relay_database(), Erasure(events=(waiting["id"],)))

    assert relay.rows("SELECT sha FROM deployed_commits") == [(sha(1),)]
    assert relay.rows("SELECT * FROM waiting_deploys") == []
    assert relay.status()["held"] == 0


def test_an_end_does_not_wait_for_the_hold_of_another_service(relay: Relay) -> None:
    """It was over at `web` after an hour, as late deliveries say: both go at once. `jobs` is held."""
    hold = timedelta(minutes=7)

    def said(state: str, *services: str, at: datetime = BEGAN) -> Delivery:
        named = [Service(service) for service in services]
        change = Change(state=state, word=state, incident="A", at=at, occurrence="first", started_at=BEGAN,
                        services=named, whole=state == STARTED)  # fmt: skip
        name = f"{state} {services}"
        targets = tuple(DeployTarget(f"larkspur/{service}", None, service) for service in services)
        routed = RoutedMessage(change, name, targets)
        return Delivery(name, now_us(), "default", Interpretation("test", "", b"", "", (routed,), hold=hold))

    def sent() -> list[tuple[str, str]]:
        return [(body["kind"], body["repo"]) for body in relay.bodies()]

    relay.accept(said(STARTED, "web", "jobs"))
    assert sent() == []
    relay.accept(said(RESOLVED, "web", at=BEGAN + timedelta(hours=1)))
    assert sent() == [("incidentStarted", "larkspur/web"), ("incidentResolved", "larkspur/web")]
    relay.pass_time(hold)
    assert sent() == [("incidentStarted", "larkspur/jobs")]
