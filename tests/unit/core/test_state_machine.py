"""Every cell of the transition table: the changes that lead to it, and their outcome.

Minutes count from ten o'clock. A held start, a noted end and a released start have no repository.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from gitdailies_core.incidents import state_machine
from gitdailies_core.incidents.memory import MemoryRecords
from gitdailies_core.incidents.records import ABSENT, STATES, Decision
from gitdailies_core.incidents.transitions import INPUTS, TABLE
from gitdailies_core.reasons import IGNORED, Code
from gitdailies_core.sources.protocol import Change
from gitdailies_core.values.deploy_target import DeployTarget
from gitdailies_core.values.times import text_of

from tests.support.core.lives import (
    LEDGER,
    LOW,
    Relay,
    Routed,
    at,
    low,
    merged,
    resolved,
    short,
    started,
    updated,
)

Story = list[tuple[Any, ...]]


class ByHand(NamedTuple):
    """A person closes the incident of the change."""

    change: Change


class Case(NamedTuple):
    """A list of changes. The last one leads to a cell of the table, and causes the events and the code.

    `states` are those of all records of incident A after it, in the order of their first writing.
    """

    changes: Sequence[Change | Routed | ByHand]
    events: Story
    states: list[str]
    code: Code | None = None


def by_hand(when: float) -> ByHand:
    return ByHand(resolved(when))


def of(service: str, change: Change) -> Change:
    """Let *change* speak for one service alone."""
    return replace(change, services=updated(0, services=[service]).services, whole=False)


API = DeployTarget("larkspur/mono", None, "api")
START, END = started(0), resolved(5)
HELD, NOTED_END = low(START), resolved(5, occurrence="cycle-1")
MERGE = (started(0, incident="B"), START, merged(5, "B"))
ONE, TWO = started(0, occurrence="one"), started(3, occurrence="two")
# An update at minute 6 concerns both held starts. It opens the first one and releases both.
RELEASED = (low(ONE), low(TWO), updated(6))
AGAIN = started(10)

CASES: dict[tuple[str, str], Case] = {
    ("absent", "start"): Case([START], [("A", "starts", 0)], ["open"]),
    ("absent", "start again"): Case([START, AGAIN], [], ["open", "repeated"], "repeated_start"),
    ("absent", "unwanted start"): Case([HELD], [], ["held"], "filtered"),
    ("absent", "early end"): Case([END], [], ["noted"], "end_without_start"),
    ("absent", "unwanted end"): Case([low(END)], [], ["noted"], "filtered"),
    ("absent", "spare end"): Case([START, END, resolved(9)], [], ["closed", "noted"], "repeated_end"),
    ("absent", "update"): Case([updated(0)], [], [], "update"),
    ("held", "unwanted start"): Case([low(started(3, occurrence="one")), low(ONE)], [], ["held"], "filtered"),
    ("held", "release"): Case([HELD, updated(3)], [("A", "starts", 0)], ["released", "open"]),
    ("held", "end"): Case([HELD, low(END)], [], ["noted"], "filtered"),
    # The end's own name, its moment, is that of a start which arrived with another time.
    ("held", "early end"): Case(
        [low(started(5, occurrence=text_of(at(0)))), resolved(0)], [], ["held"], "end_without_start"
    ),
    ("held", "unwanted end"): Case([HELD, low(resolved(0))], [], ["noted"], "filtered"),
    # The end's own name is that of a start which arrived with a time before the last end.
    ("held", "spare end"): Case(
        [START, END, low(started(4, occurrence=text_of(at(10)))), resolved(10)],
        [],
        ["closed", "noted"],
        "repeated_end",
    ),
    ("held", "update"): Case([HELD, low(updated(3))], [], ["held"], "filtered"),
    ("held", "unwanted update"): Case([HELD, low(updated(3))], [], ["held"], "filtered"),
    ("noted", "unwanted start"): Case(
        [NOTED_END, low(started(0, occurrence="cycle-1"))], [], ["noted"], "filtered"
    ),
    ("noted", "early end"): Case(
        [NOTED_END, resolved(7, occurrence="cycle-1")], [], ["noted"], "end_without_start"
    ),
    ("noted", "unwanted end"): Case([NOTED_END, low(NOTED_END)], [], ["noted"], "filtered"),
    ("noted", "spare end"): Case(
        [START, END, resolved(9), resolved(9)], [], ["closed", "noted"], "repeated_end"
    ),
    ("noted", "update"): Case([NOTED_END, updated(6)], [], ["noted"], "update"),
    ("noted", "unwanted update"): Case([HELD, low(END), low(updated(3))], [], ["noted"], "filtered"),
    ("open", "start"): Case([ONE, ONE], [], ["open"], "repeated_start"),
    ("open", "start before"): Case([AGAIN, START], [], ["open"], "late_start"),
    ("open", "unwanted start"): Case([START, low(started(3))], [], ["open"], "repeated_start"),
    ("open", "end"): Case([START, END], [("A", "ends", 5)], ["closed"]),
    ("open", "merge"): Case(MERGE, [], ["merged"], "merged"),
    ("open", "late merge"): Case(
        [started(0, incident="B"), resolved(7, incident="B"), START, merged(5, "B")],
        [("A", "ends", 7, "mergedInto=B")],
        ["closed"],
    ),
    ("open", "lone merge"): Case(
        [START, merged(5, "Z")], [("A", "ends", 5, "mergedInto=Z", "resolution=merged")], ["closed"]
    ),
    ("open", "close"): Case([START, by_hand(5)], [("A", "ends", 5)], ["closed"]),
    ("open", "update"): Case([START, updated(3)], [], ["open"], "update"),
    ("repeated", "start again"): Case(
        [START, AGAIN, started(12)], [], ["open", "repeated"], "repeated_start"
    ),
    ("repeated", "end"): Case(
        [START, AGAIN, END], [("A", "ends", 5), ("A", "starts", 10)], ["closed", "repeated", "open"]
    ),
    ("repeated", "update"): Case([START, AGAIN, updated(12)], [], ["open", "repeated"], "update"),
    ("merged", "start"): Case([*MERGE, started(3)], [], ["merged"], "repeated_start"),
    ("merged", "start before"): Case(
        [started(0, incident="B"), started(3), merged(5, "B"), START], [], ["merged"], "late_start"
    ),
    ("merged", "unwanted start"): Case([*MERGE, low(started(3))], [], ["merged"], "repeated_start"),
    ("merged", "reopened"): Case(
        [
            started(0, incident="B"),
            ONE,
            merged(5, "B", occurrence="one"),
            started(10, occurrence="two"),
        ],
        [("A", "ends", 5, "mergedInto=B", "resolution=merged"), ("A", "starts", 10)],
        ["closed", "open"],
    ),
    ("merged", "end"): Case([*MERGE, resolved(7)], [], ["merged"], "repeated_end"),
    ("merged", "target ended"): Case(
        [*MERGE, resolved(9, incident="B")],
        [("B", "ends", 9), ("A", "ends", 9, "mergedInto=B")],
        ["closed"],
    ),
    ("merged", "close"): Case([*MERGE, by_hand(9)], [("A", "ends", 9, "mergedInto=B")], ["closed"]),
    ("merged", "update"): Case([*MERGE, updated(6)], [], ["merged"], "update"),
    ("closed", "start"): Case([ONE, resolved(5, occurrence="one"), ONE], [], ["closed"], "repeated_start"),
    ("closed", "start before"): Case([started(3), END, START], [], ["closed"], "late_start"),
    ("closed", "start within"): Case([START, END, started(3)], [], ["closed"], "late_start"),
    ("closed", "unwanted start"): Case([START, END, low(started(3))], [], ["closed"], "repeated_start"),
    ("closed", "end"): Case([START, END, END], [], ["closed"], "repeated_end"),
    ("closed", "update"): Case([START, END, updated(6)], [], ["closed"], "update"),
    ("released", "early end"): Case(
        [*RELEASED, resolved(9, occurrence="two")],
        [],
        ["released", "released", "open"],
        "end_without_start",
    ),
    ("released", "unwanted end"): Case(
        [*RELEASED, low(resolved(9, occurrence="two"))], [], ["released", "released", "open"], "filtered"
    ),
    # The service was over before. What is open was sent for the service of another one.
    ("released", "spare end"): Case(
        [
            Routed(of("api", START), [API]),
            Routed(of("api", END), [API]),
            Routed(of("api", AGAIN), [API], LOW),
            Routed(of("api", updated(11)), [LEDGER]),
            Routed(of("api", resolved(10)), [API]),
        ],
        [],
        ["closed", "released", "open"],
        "repeated_end",
    ),
    ("released", "update"): Case([*RELEASED, updated(7)], [], ["released", "released", "open"], "update"),
}


def take(relay: Relay, change: Change | Routed | ByHand) -> Decision:
    if isinstance(change, ByHand):
        return relay.close(change.change)
    return relay.hear(change)


def rows(records: MemoryRecords) -> list[str]:
    return [record.row for record in records.occurrences("A")]


def test_there_is_a_case_for_every_cell() -> None:
    """The cases below and the cells of the table are the same."""
    assert CASES.keys() == TABLE.keys()


@pytest.mark.parametrize("cell", CASES, ids=" × ".join)
def test_a_cell_has_its_outcome(cell: tuple[str, str]) -> None:
    """The last change of the case causes what the case says, and nothing else."""
    case, relay = CASES[cell], Relay()
    for change in case.changes[:-1]:
        take(relay, change)
    decision = take(relay, case.changes[-1])

    assert [short(event) for event in decision.events] == case.events
    assert rows(relay.records) == case.states
    assert (decision.reason.code if decision.reason else None) == case.code


@pytest.mark.parametrize("cell", CASES, ids=" × ".join)
def test_the_code_runs_from_the_table(cell: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its cell the last change of the case, and no change before it, cannot be decided."""
    case, relay = CASES[cell], Relay()
    monkeypatch.setattr(state_machine, "TABLE", {one: TABLE[one] for one in TABLE if one != cell})
    for change in case.changes[:-1]:
        take(relay, change)
    with pytest.raises(KeyError) as caught:
        take(relay, case.changes[-1])

    assert caught.value.args == (cell,)


def test_the_table_uses_its_words() -> None:
    """Every state and every input has a cell, and no cell has another word, event or code."""
    assert {state for state, _ in TABLE} == set(STATES)
    assert {given for _, given in TABLE} == set(INPUTS)
    nexts = {transition.state for transition in TABLE.values()}
    assert nexts == {None, *STATES} - {ABSENT}
    assert {transition.event for transition in TABLE.values()} == {"", "incidentStarted", "incidentResolved"}
    assert {transition.reason.code for transition in TABLE.values() if transition.reason} <= IGNORED.keys()
