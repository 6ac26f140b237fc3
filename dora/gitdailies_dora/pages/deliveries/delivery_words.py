"""The words of the pages about deliveries: outcomes, actions, the timeline of one delivery. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import quote, urlencode

from gitdailies_connection.relay.answers import ListedDelivery, RelayAlert, RelayStatus, ShownDelivery
from gitdailies_core.events.events import INCIDENT_STARTED
from gitdailies_core.values.times import parse
from gitdailies_server.storage.timestamps import to_us
from markupsafe import Markup

from gitdailies_dora.derived.read.events.event_filters import OPEN
from gitdailies_dora.pages.charts import sparks
from gitdailies_dora.pages.frame.event_links import events_url
from gitdailies_dora.pages.frame.formatting import amount, clock_time, count, duration

# The title of each outcome, what it means, and the same in a few words, for a list to choose from.
OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "passed_on": ("Passed on", "The receiver took every event.", "taken by the receiver"),
    "waiting": ("Waiting", "An event waits to be sent.", "not sent yet"),
    "dead_letter": ("Dead letter", "The receiver refused an event, or the relay gave it up.", "not accepted"),
    "unmapped": ("Unmapped", "No line under services names its repository.", "its repository is not known"),
    "quarantined": ("Quarantined", "It could not be read. Its body is stored.", "could not be read"),
    "filtered": ("Filtered", "Its source's filter or routes exclude it.", "excluded by gitdailies.yml"),
    "ignored": ("Ignored", "It contains nothing to count.", "nothing to count"),
    "repeated": ("Repeat", "It reports something that was stored before.", "stored before"),
    "discarded": ("Discarded", "A person discarded it.", "given up by a person"),
}
# Those that wait for a person.
WANTS_ACTION = frozenset({"dead_letter", "unmapped", "quarantined"})

# What the words of a delivery are replaced by, if it was not read.
UNREAD = "unreadable delivery"
EXAMPLE = "example"
REPLAY, REQUEUE, DISCARD, CLOSE = "replay", "requeue", "discard", "close"
STEPS: Mapping[str, str] = {
    REPLAY: "Replay",
    REQUEUE: "Requeue",
    DISCARD: "Discard",
    CLOSE: "Close the incident",
}
# What each step does, for the page that asks to confirm it: to one delivery, and to several.
MEANINGS: Mapping[str, tuple[str, str]] = {
    REPLAY: (
        "A stored body is read again with the current gitdailies.yml. Nothing counts twice.",
        "The stored bodies are read again with the current gitdailies.yml. Nothing counts twice.",
    ),
    REQUEUE: (
        "The events are sent again. Their ids stay the same, so nothing counts twice.",
        "The events are sent again. Their ids stay the same, so nothing counts twice.",
    ),
    DISCARD: (
        "It is never sent or replayed, and raises no alert. The relay keeps it with your reason.",
        "They are never sent or replayed, and raise no alert. The relay keeps them with your reason.",
    ),
    CLOSE: (
        "The incident ends now. If its tool sends an end later, that end does not count.",
        "The incidents end now. If a tool sends an end later, that end does not count.",
    ),
}
# What an action did, for the page after it.
DONE: Mapping[str, str] = {REPLAY: "Replayed", REQUEUE: "Requeued", DISCARD: "Discarded", CLOSE: "Closed"}
PAUSE, RESUME = "pause", "resume"
# What can be done with the sending of events, and what each does: of a source, of all, and afterwards.
PAUSING: Mapping[str, tuple[str, str, str]] = {
    PAUSE: (
        "The relay goes on accepting its deliveries. Their events wait until you resume.",
        "The relay goes on accepting deliveries. Their events wait until you resume.",
        "Paused. The relay goes on accepting deliveries, and their events wait.",
    ),
    RESUME: (
        "Its events are sent again.",
        "This ends every pause. Events that wait for a retry are sent at once, too.",
        "Resumed. The waiting events are sent now.",
    ),
}
NEEDS_REASON = frozenset({DISCARD, CLOSE, PAUSE})
# The actions on all deliveries of an outcome.
FOR_MANY: Mapping[str, tuple[str, ...]] = {
    "unmapped": (REPLAY, DISCARD),
    "quarantined": (REPLAY, DISCARD),
    "dead_letter": (REQUEUE, DISCARD),
    "filtered": (REPLAY,),
}
# The bars of the chart of outcomes.
_BINS = 24
FILTERS = ("source", "outcome", "service", "repo", "from", "to", "q")


class Moment(NamedTuple):
    """A step in the life of a delivery: when, what, and more about it. `event` is the id of an event."""

    at: datetime
    what: str
    more: str = ""
    event: str = ""


_FILTER_NAMES: Mapping[str, str] = {
    "q": "Search",
    "repo": "Repository",
    "from": "Received from",
    "to": "Received before",
}


def chosen(filters: Mapping[str, str], zone: tzinfo) -> list[tuple[str, str]]:
    """Return the name and the value of each filter in the words of the list, times to the minute."""
    return [
        (_FILTER_NAMES.get(name, name.capitalize()), _worded(name, value, zone))
        for name, value in filters.items()
        if name != "bodies"
    ]


def _worded(name: str, value: str, zone: tzinfo) -> str:
    if name == "outcome":
        return OUTCOMES.get(value, (value,))[0]
    return clock_time(to_us(parse(value, name)), zone) if name in ("from", "to") else value


def chart(rows: Sequence[ListedDelivery], zone: tzinfo) -> Markup | str:
    """Draw what became of the deliveries of a list over time; "" if all came at once."""
    times = [to_us(row.received_at) for row in rows]
    began, length = min(times, default=0), max(times, default=0) - min(times, default=0)
    if not length:
        return ""
    bins: list[Counter[str]] = [Counter() for _ in range(_BINS)]
    for row, at in zip(rows, times, strict=True):
        bins[(at - began) * (_BINS - 1) // length][row.outcome] += 1
    begins = (clock_time(began + number * length // (_BINS - 1), zone) for number in range(_BINS))
    return sparks.bars(
        f"{amount(len(rows), 'delivery', 'deliveries')} by time: {_counted(sum(bins, Counter()))}",
        [found.total() for found in bins],
        [True] * _BINS,
        dark=[found.total() - sum(found[one] for one in WANTS_ACTION) for found in bins],
        wide=True,
        titles=[f"From {at}: {_counted(found)}" for at, found in zip(begins, bins, strict=True)],
    )


def _counted(found: Counter[str]) -> str:
    worded = (f"{count(number)} {OUTCOMES[one][0].lower()}" for one, number in found.most_common())
    return ", ".join(worded) or "none"


def taken_after(delivery: ShownDelivery) -> str:
    """Return how long after its arrival the receiver had taken all events; "" if it has not."""
    took = [one.at for event in delivery.events for one in event.attempts if (one.status or 500) < 300]
    if not took or delivery.outcome != "passed_on":
        return ""
    return duration((max(took) - delivery.received_at).total_seconds())


def about(delivery: ShownDelivery, incident: str, zone: tzinfo) -> list[tuple[str, str]]:
    """Return what distinguishes a delivery, for the page that asks to confirm a step on it."""
    words = dict.fromkeys(message.word for message in delivery.messages if message.word)
    facts = [
        ("Source", delivery.source),
        ("Received", clock_time(to_us(delivery.received_at), zone)),
        ("What", ", ".join(words) or UNREAD),
        ("Incident", incident or ", ".join(delivery.incidents[:3])),
        ("Outcome", OUTCOMES.get(delivery.outcome, (delivery.outcome,))[0]),
        ("Delivery", delivery.id),
    ]
    return [(name, text) for name, text in facts if text]


def step_title(step: str, outcome: str) -> str:
    """Return the text of a button."""
    taken = step == REPLAY and outcome == "passed_on"
    return "Send again although passed on" if taken else STEPS[step]


def said(outcome: str, sentence: str) -> str:
    """Return the sentence about an outcome without its first word, which a badge says."""
    return sentence.removeprefix(f"{OUTCOMES.get(outcome, ('',))[0]}: ")


def done_sentence(did: str, deliveries: str, events: str) -> str:
    """Say what an action did, from the parameters of an address: a word of ours and two numbers; else ""."""
    if did == EXAMPLE:
        return (
            "An example was sent. It counts for gitdailies/example, and in no figure of production."
            " gitdailies erase --repo gitdailies/example takes it back."
        )
    if did in PAUSING:
        return PAUSING[did][2]
    numbers = (deliveries, events)
    if did not in DONE or not all(text.isascii() and text.isdigit() and len(text) < 7 for text in numbers):
        return ""
    sentence = f"{DONE[did]} {amount(int(deliveries), 'delivery', 'deliveries')}."
    if did == DISCARD:
        return sentence
    if int(events):
        return f"{sentence} It gave {amount(int(events), 'event', 'events')}."
    return f"{sentence} It gave no event."


def timeline(delivery: ShownDelivery, *, is_owner: bool) -> list[Moment]:
    """Return what happened to a delivery, in order. Only an owner sees which secret proved it."""
    return sorted(_moments(delivery, is_owner=is_owner), key=lambda moment: moment.at)


def _moments(delivery: ShownDelivery, *, is_owner: bool) -> Iterator[Moment]:
    first = delivery.received_at
    yield Moment(first, f"Arrived from {delivery.source}")
    for message in delivery.messages:
        if message.received_at == first:
            proof = _named(message.proof) if is_owner and message.proof else ""
            by_hand = message.proof == "by hand"
            yield Moment(first, "Written by a person" if by_hand else "The secret matched", proof)
            break
    for message in delivery.messages:
        again = "Read again as" if message.proof == "replay" else "Read as"
        said = f"{again} {message.word}" if message.word else "It could not be read"
        yield Moment(message.received_at, said, message.reason)
    for event in delivery.events:
        yield Moment(event.stored_at, "An event was stored", str(event.body.get("kind", "")), event.id)
        for attempt in event.attempts:
            status = "no answer" if attempt.status is None else f"answer {attempt.status}"
            yield Moment(attempt.at, f"Sent: {status}", attempt.reason or attempt.verdict, event.id)
    for action in delivery.actions:
        yield Moment(action.at, f"{action.action.capitalize()} by {action.person}", action.reason)


def mapped_now(delivery: ShownDelivery) -> list[tuple[str, str, str]]:
    """Return for each service of a delivery where its line is now, and what may be moved.

    These are the repository of its events, if the line names others, and the first of those; else "".
    """
    found = []
    for mapped in delivery.mapped_by:
        where = f"line {mapped.line}" if mapped.line else "a line"
        text = f"{mapped.service}: {where} of {mapped.file or delivery.file}"
        events = [event.body for event in delivery.events if event.body.get("service") == mapped.service]
        moves = [str(event["repo"]) for event in events if event["repo"] not in mapped.repos]
        found.append((text, *((moves[0], mapped.repos[0]) if moves and mapped.repos else ("", ""))))
    return found


def sending(state: RelayStatus, zone: tzinfo) -> list[str]:
    """Say how the sending of events stands: the last answer, and what waits, if anything does."""
    last = "nothing sent yet"
    if attempt := state.last_attempt:
        answer = f"last answer {attempt.status}" if attempt.status else "last attempt without an answer"
        last = f"{answer}, at {clock_time(to_us(attempt.at), zone)}"
    counts = (
        (state.waiting, "event waits", "events wait"),
        (state.dead_letters, "dead letter", "dead letters"),
        (
            sum(state.quarantined.values()),
            "delivery is quarantined or unmapped",
            "deliveries are quarantined or unmapped",
        ),
    )
    return [last, *(amount(number, one, several) for number, one, several in counts if number)]


def pause_address(relay: str, action: str, source: str = "") -> str:
    """Return the address of the page that asks to confirm a pause or its end; "" is every source."""
    given = {"relay": relay, "action": action, "source": source}
    return f"/deliveries/pauses?{urlencode({name: value for name, value in given.items() if value})}"


def _named(proof: str) -> str:
    """Name a secret without the folders of its file."""
    kind, _, path = proof.partition(" ")
    return PurePath(path).name if kind == "file" else proof


def list_address(relay: str, filters: Mapping[str, str], **more: str | None) -> str:
    """Return the address of the list of a relay with *filters*; None and "" leave a parameter out."""
    given = {name: value for name, value in {"relay": relay, **filters, **more}.items() if value}
    return f"/deliveries?{urlencode(given)}"


def alerts(relay: str, state: RelayStatus) -> list[tuple[str, str]]:
    """Return each alert, with the address of the list of what it is about, or ""."""
    # The list refuses the name of a source that gitdailies.yml no longer has.
    known = {None, *state.sources}
    return [(alert.text, _list_of(relay, alert) if alert.source in known else "") for alert in state.alerts]


def _list_of(relay: str, alert: RelayAlert) -> str:
    if alert.code == "incident_open":
        return events_url(kind=INCIDENT_STARTED, outcome=OPEN)
    filters = {"outcome": alert.outcome or "", "source": alert.source or ""}
    return list_address(relay, filters) if any(filters.values()) else ""


def address_of(relay: str, id_: str, step: str = "") -> str:
    """Return the address of the page of a delivery, or of a step on it."""
    path = f"/deliveries/{quote(relay, safe='')}/{quote(id_, safe='')}"
    return f"{path}/{step}" if step else path
