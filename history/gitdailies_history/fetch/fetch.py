"""From what a reader tells to events: the routes, filters and periods that the relay has. Pure.

Changes are decided in the order of their times, from an empty ledger; so what a webhook told at
its time and what is fetched now are the same events, with the same ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gitdailies_connection.config.settings import Source
from gitdailies_core.events.events import Event
from gitdailies_core.incidents.memory import MemoryLedger
from gitdailies_core.incidents.occurrences import decide
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.sources.history import PastMessage
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Ignored

# Where several happen at one instant: an end makes way for the start after it.
_TURN = {RESOLVED: 1, STARTED: 2}


@dataclass
class Tally:
    """How many records came to nothing, by the reason."""

    ignored: Counter[str] = field(default_factory=Counter)


def events(told: Iterable[PastMessage], source: Source, routes: Routes, tally: Tally) -> Iterator[Event]:
    """Yield the events that *told* comes to; whatever comes to none is counted in *tally*."""
    changes: list[Change] = []
    seen: set[str | None] = set()
    for one in told:
        if isinstance(one, Event):
            if one.id is None or one.id not in seen:
                seen.add(one.id)
                yield one
            else:
                tally.ignored["deployed again by the same run, which counts once"] += 1
        elif isinstance(one, Ignored):
            tally.ignored[one.reason] += 1
        else:
            changes.append(one)
    ledger = MemoryLedger()
    for change in _in_order(changes):
        routed = routes.route(change)
        refusal = source.only.refusal(change)
        if not refusal and not routed.targets:
            refusal = f"unmapped: {'; '.join(routed.unmapped)}"
        decision = decide(
            source=source.name, change=change, targets=routed.targets, refusal=refusal, ledger=ledger
        )
        ledger.apply(decision)
        if decision.reason:
            tally.ignored[decision.reason] += 1
        yield from decision.events


def _in_order(changes: list[Change]) -> list[Change]:
    # An incident that is over at the instant of its start goes start first: its own order is kept.
    began: dict[tuple[str, str | None], Change] = {}
    for change in changes:
        if change.state == STARTED:
            began.setdefault((change.incident, change.occurrence), change)

    def turn(change: Change) -> tuple[object, int]:
        start = began.get((change.incident, change.occurrence))
        late = change.state == RESOLVED and start is not None and start.at == change.at
        return change.at, 3 if late else _TURN.get(change.state, 0)

    return sorted(changes, key=turn)
