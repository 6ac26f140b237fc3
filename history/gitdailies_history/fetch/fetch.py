"""From a reader's records to events, with the routes, filters and occurrences of the relay. Pure.

Changes are decided in the order of their times, starting with no open occurrence. So an event that a webhook
reported at the time and the same event fetched now have the same id.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from gitdailies_connection.config.sections.settings import Source
from gitdailies_core.events.events import Event
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.routing import Routes
from gitdailies_core.incidents.state_machine import decide
from gitdailies_core.reasons import REPEATED_START
from gitdailies_core.sources.history import PastMessage
from gitdailies_core.sources.protocol import RESOLVED, STARTED, Change, Ignored

# At one instant, the end of an occurrence comes first, and then the start of the next one.
_TURN = {RESOLVED: 1, STARTED: 2}


def events(
    records: Iterable[PastMessage], source: Source, routes: Routes, ignored: Counter[str]
) -> Iterator[Event]:
    """Yield the events of *records*. Records that give none are counted in *ignored*, by reason."""
    changes: list[Change] = []
    seen: set[str | None] = set()
    for one in records:
        if isinstance(one, Event):
            if one.id is None or one.id not in seen:
                seen.add(one.id)
                yield one
            else:
                ignored["deployed again by the same run, which counts once"] += 1
        elif isinstance(one, Ignored):
            ignored[one.reason] += 1
        else:
            changes.append(one)
    decided = MemoryRecords()
    for change in _in_order(changes):
        routed = routes.route(change)
        refusal = source.only.refusal(change) or routed.refusal
        decision = decide(
            source=source.name, change=change, targets=routed.targets, refusal=refusal, records=decided
        )
        decided.apply(decision)
        # That an incident is still open is no news.
        if decision.reason and decision.reason.code != REPEATED_START:
            ignored[decision.reason.text] += 1
        yield from decision.events


def _in_order(changes: list[Change]) -> list[Change]:
    # An incident that ends at the instant of its start keeps its own order, start first.
    began: dict[tuple[str, str | None], Change] = {}
    for change in changes:
        if change.state == STARTED:
            began.setdefault((change.incident, change.occurrence), change)

    def turn(change: Change) -> tuple[object, int]:
        start = began.get((change.incident, change.occurrence))
        late = change.state == RESOLVED and start is not None and start.at == change.at
        # A state that is said again has the time of the first start, and that of saying it.
        return change.again_at or change.at, 3 if late else _TURN.get(change.state, 0)

    return sorted(changes, key=turn)
