"""Random stories of incidents: what vendors tell, what people change, and a relay that takes it all.

The store, the acceptance, the replay and the outbox are the real ones, in this process. A list takes
the place of the receiver: it keeps the first event of each id, as a receiver that honors ids does.
"""

import contextlib
import itertools
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.contract import checks
from gitdailies_core.incidents.routing import Filter, Route, Routes
from gitdailies_core.sources import registry
from gitdailies_core.sources.request import Request
from gitdailies_core.values.times import text_of
from gitdailies_relay.accepting.acceptance import Delivery as Received
from gitdailies_relay.accepting.acceptance import accept, delivery_id
from gitdailies_relay.accepting.interpret import decode, interpret
from gitdailies_relay.operations import acting, replay
from gitdailies_relay.store import outbox, store
from gitdailies_server.storage.sqlite import SqliteDatabase
from gitdailies_server.storage.timestamps import from_us

from tests.campaign.story_model import (
    END,
    FILTERED,
    IGNORED,
    QUARANTINED,
    START,
    UPDATE,
    Message,
    Model,
    Rules,
)
from tests.support.relay.deliveries import Delivery, datadog, pagerduty, squadcast

VENDORS = ("pagerduty", "monitor", "incident", "squadcast")
_BEGAN = datetime(2026, 3, 4, 9, tzinfo=UTC)
_HIGH, _LOW = "high", "low"
# Requeued events are due by the real clock.
_EVER = 2**62


def at(minute: float) -> str:
    return text_of(_BEGAN + timedelta(minutes=minute))


class Teller:
    """One vendor: it makes the messages of an incident's life, in their true order."""

    def __init__(self, vendor: str, odds: random.Random) -> None:
        self.vendor = vendor
        self._odds = odds
        self._numbers = itertools.count(1)

    def life(
        self, incident: str, services: list[str], urgencies: list[str], reopens: int, merged_into: str | None
    ) -> list[Message]:
        """Return the messages of an incident.

        Of *services* it is at the first, and may go to the others, or to all of them. *merged_into*
        is the incident that it is merged into at last.
        """
        told: list[Message] = []
        minute, urgency = 0, urgencies[0]
        named: tuple[str, ...] = (services[0],)
        for number in range(reopens + 1):
            began = at(minute)
            for state in [START, *([UPDATE] * self._odds.randrange(3)), END]:
                if state != START and self.vendor == "pagerduty":
                    named, urgency = (self._odds.choice(services),), self._odds.choice(urgencies)
                elif self.vendor == "incident":
                    named = tuple(services[: self._odds.randint(1, len(services))])
                merge = merged_into if state == END and number == reopens else None
                told_as, moment = state, at(minute)
                if state == UPDATE and self.vendor == "incident":
                    # Its services change, and its tool reports it again.
                    told_as, moment = START, began
                if state != UPDATE or self.vendor != "monitor":
                    about = (urgency, began, merge)
                    told.append(self._message(incident, number, told_as, moment, named, *about))
                minute += 1
            minute += 2
        return told

    def again(self, one: Message) -> Message:
        """Return a message as the vendor tells it a second time, under a new key."""
        key = f"{self.vendor}-{next(self._numbers)}"
        return replace(one, key=key, delivery=self._delivery(one))

    def _message(
        self, incident: str, number: int, state: str, moment: str, named: tuple[str, ...], *about: Any
    ) -> Message:
        urgency, began, merge = about
        tells_start = self.vendor in ("pagerduty", "squadcast")
        key = f"{self.vendor}-{next(self._numbers)}"
        nothing = Delivery("", b"")
        one = Message(
            incident, number, state, moment, named, urgency, began, merge, tells_start, key, nothing
        )
        return replace(one, delivery=self._delivery(one))

    def _delivery(self, one: Message) -> Delivery:
        incident, state, moment, service = one.incident, one.state, one.at, one.services[0]
        if self.vendor == "pagerduty":
            start = "reopened" if one.occurrence else "triggered"
            words = {START: start, UPDATE: "acknowledged", END: "resolved"}
            return pagerduty(
                f"incident.{words[state]}",
                incident,
                at=moment,
                created_at=at(0),
                reopened_at=one.began if one.occurrence else None,
                service=service,
                urgency=one.urgency,
                merged_into=one.merged_into,
            )
        milliseconds = str(int(datetime.fromisoformat(moment).timestamp() * 1000))
        if self.vendor == "monitor":
            name = "monitor-triggered" if state == START else "monitor-recovered"
            # A cycle that begins again has another key. So its occurrences are incidents of their own.
            return datadog(
                name, cycle_key=incident, date_ms=milliseconds, service=service, tags="", env="", scope=""
            )
        if self.vendor == "incident":
            word = "active" if state == START else "stable"
            return datadog(
                "incident-with-fields",
                incident_uuid=incident,
                status=word,
                date_ms=milliseconds,
                fields={"services": list(one.services)},
            )
        name = {START: "triggered", UPDATE: "acknowledged", END: "resolved"}[state]
        made = squadcast(f"v2.incident.{name}", incident, service=service)
        body = json.loads(made.body)
        body["event"]["timestamp"] = moment
        body["data"]["resource_data"].update(created_at=at(0), timeline=None)
        return Delivery(made.source, json.dumps(body).encode(), made.headers)


@dataclass
class Relay:
    """A relay without sockets, on a file of its own. `received` is what the receiver has, by id."""

    folder: Path
    template: Path
    odds: random.Random
    received: dict[str, dict[str, Any]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    refused: bool = False
    _files: int = 0

    def __post_init__(self) -> None:
        self._open()

    def new_store(self) -> None:
        """Begin with an empty store, as after a move."""
        self._session.close()
        self._open()

    def _open(self) -> None:
        self._files += 1
        file = self.folder / f"relay-{self._files}.db"
        shutil.copy(self.template, file)
        self.database = SqliteDatabase(file)
        self._session = self.database.connect()

    def restart(self) -> None:
        self._session.close()
        self._session = self.database.connect()

    def take(self, message: Message, source: Source, routes: Routes, now: int) -> None:
        """Accept a delivery, as the intake does."""
        headers = message.delivery.headers
        request = Request.make(
            headers=headers, body=message.delivery.body, decode=decode, received_at=from_us(now)
        )
        reading = interpret(request, source, registry.adapter(source.adapter), routes, "proof")
        self.database.begin(self._session)
        acceptance = store.acceptance_store(self.database, self._session)
        accept(acceptance, [Received(delivery_id(now), now, "default", reading)])
        self.database.commit(self._session)

    def deliver(self, now: int, *, refuse: float = 0.0) -> None:
        """Send what waits; the receiver refuses some for good."""
        while ready := outbox.ready(self._session, self.database.as_bytes, _EVER, now, 100):
            attempts = []
            for event in ready:
                if self.odds.random() < refuse:
                    self.refused = True
                    attempts.append(outbox.Attempt(event.seq, now, 400, outbox.DEAD_LETTER, "refused"))
                    continue
                attempts.append(outbox.Attempt(event.seq, now, 202, outbox.DELIVERED))
                if event.id not in self.received:
                    self.received[event.id] = json.loads(event.body)
                    self.order.append(event.id)
            self.database.begin(self._session)
            outbox.record(self._session, attempts)
            self.database.commit(self._session)

    def close(self) -> None:
        self._session.close()


@dataclass
class Story:
    """One story: the same steps go to the relay and to the model. `log` says what happened."""

    number: int
    folder: Path
    template: Path
    log: list[str] = field(default_factory=list)

    def tell(self) -> list[str]:
        """Tell the story to its end; return what is wrong, nothing if all is well."""
        odds = random.Random(self.number)
        relay = Relay(self.folder, self.template, odds)
        with contextlib.closing(relay):
            return _Telling(self, odds, relay).run()


class _Telling:
    def __init__(self, story: Story, odds: random.Random, relay: Relay) -> None:
        self.log, self.odds, self.relay = story.log, odds, relay
        self.model = Model()
        self.vendor = odds.choice(VENDORS)
        self.source = {"monitor": "datadog", "incident": "datadog"}.get(self.vendor, self.vendor)
        self.teller = Teller(self.vendor, odds)
        # A new store knows nothing of what was counted. So nothing is changed where one is moved, and
        # the vendor has to tell which occurrence it is about.
        self.moves = self.vendor == "pagerduty" and odds.random() < 0.3
        self.lines: dict[str, tuple[str, ...]] = {"one": ("larkspur/one",), "two": ("larkspur/two",)}
        if not self.moves:
            for service in ("one", "two"):
                if odds.random() < 0.4:
                    del self.lines[service]
        self.urgent_only = not self.moves and self.vendor == "pagerduty" and odds.random() < 0.4
        # The last moment that was told of each incident.
        self.latest: dict[str, datetime] = {}
        self.now = 1_772_700_000_000_000
        self.names = {"one": "one", "two": "two"}

    def rules(self) -> Rules:
        return Rules(dict(self.lines), frozenset({_HIGH} if self.urgent_only else {_HIGH, _LOW}))

    def configuration(self) -> tuple[Source, Routes]:
        only = Filter(urgency=("high",)) if self.urgent_only else Filter()
        adapter = registry.adapter(self.source)
        source = Source(self.source, self.source, (), only=only, options=checks.defaults(adapter))
        lines = {service: [Route(repo) for repo in repos] for service, repos in self.lines.items()}
        return source, Routes.make(lines)

    def run(self) -> list[str]:
        steps = self._steps()
        for step, argument in steps:
            self.now += 1_000_000
            self.log.append(f"{step} {_shown(argument)}")
            getattr(self, f"_{step}")(argument)
            if self.odds.random() < 0.7:
                self.relay.deliver(self.now, refuse=0.05)
        # What was refused is sent again, as a person does it.
        self._replay((replay.DEAD_LETTERS,))
        self.relay.deliver(self.now)
        return list(self._wrong())

    def _steps(self) -> list[tuple[str, Any]]:
        """Return the whole story: deliveries in nearly their order, and what people do between them."""
        odds = self.odds
        named = self.vendor in ("pagerduty", "monitor")
        steps: list[tuple[str, Any]] = []
        for incident in ("A", "B")[: odds.randint(1, 2)]:
            several = self.vendor in ("pagerduty", "incident") and not self.moves
            services = odds.sample(["one", "two"], 2 if several else 1)
            urgencies = [_HIGH, _LOW] if self.vendor == "pagerduty" and not self.moves else [_HIGH]
            odds.shuffle(urgencies)
            reopens = 0 if self.vendor == "monitor" else odds.randrange(2)
            merges = self.vendor == "pagerduty" and not self.moves and incident == "A" and odds.random() < 0.3
            if incident == "B" and any(message.merged_into for _, message in steps):
                reopens = 0
            into = odds.choice(["B", "unknown"]) if merges else None
            life = self.teller.life(incident, services, urgencies, reopens, into)
            if odds.random() < 0.2:
                life.pop()
            if named and into is None and odds.random() < 0.3:
                life = _late(life, odds)
            told: list[tuple[str, Any]] = []
            for message in life:
                told.append(("deliver", message))
                while odds.random() < 0.25:
                    told.append(("deliver", message if odds.random() < 0.5 else self.teller.again(message)))
            steps = _mixed(steps, told, odds)
        people = ["restart", "replay", "replay", "again"]
        if self.moves:
            people += ["move"]
        else:
            people += ["map", "map", "reroute", "split", "open", "close"]
        for _ in range(odds.randrange(7)):
            what = odds.choice(people)
            argument: Any = odds.choice(["one", "two"])
            if what == "replay":
                states = [QUARANTINED, FILTERED, IGNORED, replay.DEAD_LETTERS, replay.DELIVERED]
                argument = tuple(odds.sample(states, odds.randint(1, 5)))
            elif what == "close":
                argument = odds.choice(["A", "B"])
            steps.insert(odds.randint(0, len(steps)), (what, argument))
        return steps

    def _deliver(self, message: Message) -> None:
        moment = datetime.fromisoformat(message.at)
        self.latest[message.incident] = max(moment, self.latest.get(message.incident, moment))
        source, routes = self.configuration()
        self.relay.take(message, source, routes, self.now)
        self.model.take(message, self.rules())

    def _replay(self, states: tuple[str, ...]) -> None:
        source, routes = self.configuration()
        replay.replay(
            self.relay.database, {source.name: source}, routes, replay.ReplaySelection(states=states)
        )
        self.model.replay(self.rules(), states)

    def _again(self, _service: str) -> None:
        """Send everything again that was delivered."""
        self._replay((replay.DELIVERED,))

    def _restart(self, _service: str) -> None:
        self.relay.restart()

    def _move(self, _service: str) -> None:
        """Move to another store as the guide says: replay, let the old one deliver, begin a new one."""
        self._replay((QUARANTINED, replay.DEAD_LETTERS))
        self.relay.deliver(self.now)
        self.relay.new_store()
        self.model.known_keys.clear()
        self.model.stored.clear()

    def _map(self, service: str) -> None:
        self.lines.setdefault(service, (f"larkspur/{service}",))

    def _reroute(self, service: str) -> None:
        if service in self.lines:
            self.lines[service] = (f"larkspur/{service}-{self.now % 1000}-new",)

    def _split(self, service: str) -> None:
        if service in self.lines:
            self.lines[service] = (self.lines[service][0], f"larkspur/{service}-second")

    def _open(self, _service: str) -> None:
        self.urgent_only = False

    def _close(self, incident: str) -> None:
        if self.model.is_open(incident):
            ended_at = text_of(self.latest[incident] + timedelta(seconds=30))
            moment = datetime.fromisoformat(ended_at)
            acting.close(self.relay.database, incident, at=moment, reason="by the story", person="story")
            self.model.close(incident, ended_at)

    def _wrong(self) -> Iterator[str]:
        events = [self.relay.received[id_] for id_ in self.relay.order]
        arrived = Counter(
            (
                event["incidentId"],
                (event["repo"], event.get("service", "")),
                START if event["kind"] == "incidentStarted" else END,
                event["time"],
            )
            for event in events
        )
        wanted = Counter(self.model.events())
        yield from (f"missing: {one}" for one in wanted - arrived)
        yield from (f"too many: {one}" for one in arrived - wanted)
        if not self.relay.refused:
            yield from _disordered(events)


def _disordered(events: list[dict[str, Any]]) -> Iterator[str]:
    """Find an end that came when no more had started than had ended there."""
    is_open: Counter[tuple[str, str, str]] = Counter()
    for event in events:
        where = (event["incidentId"], event["repo"], event.get("service", ""))
        is_open[where] += 1 if event["kind"] == "incidentStarted" else -1
        if is_open[where] < 0:
            yield f"an end before its start: {event}"


def _late(life: list[Message], odds: random.Random) -> list[Message]:
    """Let one message arrive later than it was told."""
    moved = list(life)
    message = moved.pop(odds.randrange(len(moved)))
    moved.insert(odds.randint(0, len(moved)), message)
    return moved


def _mixed(first: list[Any], second: list[Any], odds: random.Random) -> list[Any]:
    """Mix two lists; each stays in its order."""
    mixed = [(odds.random(), one) for one in (*first, *second)]
    places = sorted(place for place, _ in mixed)
    chosen = set(odds.sample(range(len(places)), len(first)))
    ahead, behind = iter(first), iter(second)
    return [next(ahead) if number in chosen else next(behind) for number in range(len(places))]


def _shown(argument: Any) -> str:
    if isinstance(argument, Message):
        return (
            f"{argument.incident}{argument.occurrence} {argument.state} at {argument.at},"
            f" {argument.services}, {argument.urgency}, {argument.key}, {argument.merged_into}"
        )
    return str(argument)
