"""What a story of incidents must come to, by the rules of docs/relay.md and docs/incidents.md.

The model knows no records and no table. It follows the sentences of the documentation: an occurrence
counts where the first delivery about it that is wanted and has a line says, and stays there; its end
counts where its start counted; a replay reads again what was stored, in the order of arrival.
"""

from dataclasses import dataclass, field

from tests.support.relay.deliveries import Delivery

START, UPDATE, END = "start", "update", "end"
# Where the body of a delivery that gave no event is: what a replay may ask for.
QUARANTINED, FILTERED, IGNORED = "quarantined", "filtered", "ignored"

# A repository, and a service.
Place = tuple[str, str]


@dataclass(frozen=True)
class Message:
    """What a vendor tells about an occurrence: a number within its incident.

    `began` is when the occurrence began; `tells_start` says whether the payload has that time. `key`
    is the same at each redelivery. `merged_into` is the incident that an end by merging names.
    """

    incident: str
    occurrence: int
    state: str
    at: str
    services: tuple[str, ...]
    urgency: str
    began: str
    merged_into: str | None
    tells_start: bool
    key: str
    delivery: Delivery


@dataclass(frozen=True)
class Rules:
    """The configuration at a moment: the repositories of each service, and the wanted urgencies."""

    lines: dict[str, tuple[str, ...]]
    wanted: frozenset[str]

    def places(self, message: Message) -> dict[str, frozenset[Place]]:
        """The places of each service of a message that has a line."""
        return {
            service: frozenset((repo, service) for repo in self.lines[service])
            for service in message.services
            if service in self.lines
        }

    def counts(self, message: Message) -> bool:
        return message.urgency in self.wanted and bool(self.places(message))


@dataclass
class Occurrence:
    """What is known of one occurrence. `places`, by service, is where it counts, once it does.

    `merge` is the incident that it was merged into, and when; `waits` says that it ends with that one.
    """

    began: str
    start_known: bool = False
    ended_at: str | None = None
    places: dict[str, frozenset[Place]] = field(default_factory=dict)
    merge: tuple[str, str] | None = None
    waits: bool = False

    @property
    def is_told_over(self) -> bool:
        return self.ended_at is not None or self.merge is not None


@dataclass
class Model:
    """All occurrences of a story, and the bodies that can be replayed, in the order of arrival."""

    occurrences: dict[tuple[str, int], Occurrence] = field(default_factory=dict)
    stored: dict[int, tuple[Message, str]] = field(default_factory=dict)
    known_keys: set[str] = field(default_factory=set)
    arrivals: int = 0

    def take(self, message: Message, rules: Rules) -> None:
        """A delivery arrives."""
        self.arrivals += 1
        if message.key not in self.known_keys:
            caused = self._decide(message, rules)
            self._store(self.arrivals, message, rules, caused)

    def replay(self, rules: Rules, states: tuple[str, ...]) -> None:
        """Bodies in *states* are read again."""
        for number, (message, state) in sorted(self.stored.items()):
            if state in states:
                caused = self._decide(message, rules)
                del self.stored[number]
                self._store(number, message, rules, caused, was=state)

    def close(self, incident: str, at: str) -> None:
        """A person ends what is open of an incident."""
        for (name, _), known in self.occurrences.items():
            if name == incident and known.places and known.ended_at is None:
                known.ended_at = at
        self._end_waiting()

    def is_open(self, incident: str) -> bool:
        return any(
            name == incident and known.places and known.ended_at is None
            for (name, _), known in self.occurrences.items()
        )

    def events(self) -> list[tuple[str, Place, str, str]]:
        """Each event that must have arrived: incident, where, start or end, and when."""
        found = []
        for (incident, _), known in self.occurrences.items():
            for place in frozenset().union(*known.places.values()):
                found.append((incident, place, START, known.began))
                if known.ended_at is not None:
                    found.append((incident, place, END, known.ended_at))
        return found

    def _decide(self, message: Message, rules: Rules) -> bool:
        """Follow the sentences for one message; return whether it caused an event."""
        name = (message.incident, message.occurrence)
        known = self.occurrences.setdefault(name, Occurrence(message.began))
        before = self.events()
        self._count(message, known, rules)
        known.start_known |= message.state == START or (message.state == END and message.tells_start)
        if message.state == END and not known.is_told_over:
            if message.merged_into is None:
                known.ended_at = message.at
            else:
                known.merge = (message.merged_into, message.at)
        if known.merge and known.places and known.ended_at is None and not known.waits:
            known.waits = any(
                incident == known.merge[0] and (one.start_known or one.is_told_over)
                for (incident, _), one in self.occurrences.items()
            )
            known.ended_at = None if known.waits else known.merge[1]
        self._end_waiting()
        caused = self.events() != before
        if caused:
            self.known_keys.add(message.key)
        return caused

    def _count(self, message: Message, known: Occurrence, rules: Rules) -> None:
        """Count an occurrence where it does not count yet."""
        if not rules.counts(message):
            return
        places = rules.places(message)
        tells_start = message.state == START or (message.state == END and message.tells_start)
        if not known.places:
            if tells_start or known.start_known:
                known.places.update(places)
        elif message.state == START and known.places.keys() & set(message.services):
            # The incident names a further service. One that names no service of before has moved.
            known.places.update({s: found for s, found in places.items() if s not in known.places})

    def _end_waiting(self) -> None:
        for known in self.occurrences.values():
            if known.waits and known.ended_at is None and known.merge is not None:
                into, merged_at = known.merge
                ends = [one.ended_at for (name, _), one in self.occurrences.items() if name == into]
                if all(ends):
                    known.ended_at = max(merged_at, *(end for end in ends if end))

    def _store(self, number: int, message: Message, rules: Rules, caused: bool, was: str = "") -> None:
        """Store the body of a message where the documentation says that it is stored."""
        known = self.occurrences[message.incident, message.occurrence]
        wanted, places = message.urgency in rules.wanted, rules.places(message)
        some_unmapped = len(places) < len(set(message.services))
        if message.state == START and wanted and places and some_unmapped:
            self.stored[number] = (message, QUARANTINED)
        elif caused:
            return
        elif known.places:
            if was != QUARANTINED:
                self.stored[number] = (message, IGNORED)
        elif not wanted:
            self.stored[number] = (message, FILTERED)
        elif not places and message.state != UPDATE:
            self.stored[number] = (message, QUARANTINED)
        else:
            self.stored[number] = (message, IGNORED)
