"""The transition table of incidents: the inputs, and what each does to a record in each state.

`state_machine` finds the inputs of a change and looks them up here. docs/incidents.md shows the
table and a diagram of it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gitdailies_core import reasons
from gitdailies_core.events.events import INCIDENT_RESOLVED, INCIDENT_STARTED
from gitdailies_core.incidents.records import (
    ABSENT,
    CLOSED,
    HELD,
    MERGED,
    NOTED,
    OPEN,
    RELEASED,
    REPEATED,
    STATES,
)
from gitdailies_core.reasons import Reason

START, START_BEFORE, START_WITHIN, START_AGAIN = "start", "start before", "start within", "start again"
UNWANTED_START, RELEASE, REOPENED = "unwanted start", "release", "reopened"
END, EARLY_END, UNWANTED_END, SPARE_END = "end", "early end", "unwanted end", "spare end"
MERGE, LATE_MERGE, LONE_MERGE, TARGET_ENDED = "merge", "late merge", "lone merge", "target ended"
UPDATE, UNWANTED_UPDATE, CLOSE = "update", "unwanted update", "close"

INPUTS: Mapping[str, str] = {
    START: "a start of this occurrence",
    START_BEFORE: "a start without a name, before this start, with no end between",
    START_WITHIN: "a start without a name, within this occurrence, which is over",
    START_AGAIN: "a start without a name, after this start, which is open",
    UNWANTED_START: "a start that a filter or a missing route refuses",
    RELEASE: "a later change that is wanted and has a target",
    REOPENED: "the next occurrence starts at the same target",
    END: "an end of this occurrence",
    EARLY_END: "an end that does not name its start, while nothing is open",
    UNWANTED_END: "the same for an end, while nothing is open",
    SPARE_END: "an end after all known ones, perhaps of a start still to come",
    MERGE: "a merge into an open incident",
    LATE_MERGE: "a merge into an incident that is over",
    LONE_MERGE: "a merge into an incident that cannot end this one",
    TARGET_ENDED: "the end of the incident that this one was merged into",
    UPDATE: "a change that neither starts nor ends anything",
    UNWANTED_UPDATE: "the same for an update",
    CLOSE: "a person closes the incident",
}


class Transition(NamedTuple):
    """What an input does to a record: its next state, the event to send, the reason to give.

    `state` is None where the record stays as it is. The text of `reason` is a template. The
    reason is given only where the change sends no event at all.
    """

    state: str | None
    event: str = ""
    resolution: str = ""
    reason: Reason | None = None


# Stands for the reason that routing or the filter gave.
REFUSAL = Reason(reasons.OTHER, "")
_SECOND_START = Reason(reasons.REPEATED_START, "second start of an occurrence that is {it.state}: {it.name}")
_SECOND_END = Reason(reasons.REPEATED_END, "second end of an occurrence that is {it.state}: {it.name}")
_BEGAN = Reason(reasons.LATE_START, "late start, of an occurrence that began at {it.began}")
_ENDED = Reason(reasons.LATE_START, "late start, of an occurrence that ended at {it.ended}")
_NO_START = Reason(reasons.END_WITHOUT_START, "an end, but nothing was open, and it does not name its start")
_MERGED = Reason(reasons.MERGED, "merged into {it.merged_into}: it ends when that one ends")
_UPDATED = Reason(reasons.UPDATE, "{change.word} neither starts nor ends an incident")

_STAYS = Transition(None)
_REFUSED = Transition(None, reason=REFUSAL)
# What is not here cannot happen: the lookup would raise KeyError.
TABLE: Mapping[tuple[str, str], Transition] = {
    (ABSENT, START): Transition(OPEN, INCIDENT_STARTED),
    (ABSENT, START_AGAIN): Transition(REPEATED),
    (ABSENT, UNWANTED_START): Transition(HELD, reason=REFUSAL),
    (ABSENT, EARLY_END): Transition(NOTED, reason=_NO_START),
    (ABSENT, UNWANTED_END): Transition(NOTED, reason=REFUSAL),
    (ABSENT, SPARE_END): Transition(NOTED),
    # The earliest of several held starts counts.
    (HELD, UNWANTED_START): Transition(HELD, reason=REFUSAL),
    (HELD, RELEASE): Transition(RELEASED),
    (HELD, END): Transition(NOTED),
    (HELD, EARLY_END): Transition(None, reason=_NO_START),
    (HELD, UNWANTED_END): _REFUSED,
    (HELD, SPARE_END): _STAYS,
    (HELD, UNWANTED_UPDATE): _REFUSED,
    # The first of several ends counts.
    (NOTED, UNWANTED_START): _REFUSED,
    (NOTED, EARLY_END): Transition(None, reason=_NO_START),
    (NOTED, UNWANTED_END): _REFUSED,
    (NOTED, SPARE_END): _STAYS,
    (NOTED, UNWANTED_UPDATE): _REFUSED,
    (OPEN, START): Transition(None, reason=_SECOND_START),
    (OPEN, START_BEFORE): Transition(None, reason=_BEGAN),
    (OPEN, UNWANTED_START): Transition(None, reason=_SECOND_START),
    (OPEN, END): Transition(CLOSED, INCIDENT_RESOLVED),
    (OPEN, MERGE): Transition(MERGED, reason=_MERGED),
    (OPEN, LATE_MERGE): Transition(CLOSED, INCIDENT_RESOLVED),
    (OPEN, LONE_MERGE): Transition(CLOSED, INCIDENT_RESOLVED, "merged"),
    (OPEN, CLOSE): Transition(CLOSED, INCIDENT_RESOLVED),
    # The latest of several repeated starts counts.
    (REPEATED, START_AGAIN): Transition(REPEATED),
    # The end before it came late: this was the start of an occurrence of its own.
    (REPEATED, END): Transition(OPEN, INCIDENT_STARTED),
    (MERGED, START): Transition(None, reason=_SECOND_START),
    (MERGED, START_BEFORE): Transition(None, reason=_BEGAN),
    (MERGED, UNWANTED_START): Transition(None, reason=_SECOND_START),
    (MERGED, REOPENED): Transition(CLOSED, INCIDENT_RESOLVED, "merged"),
    (MERGED, END): Transition(None, reason=_SECOND_END),
    (MERGED, TARGET_ENDED): Transition(CLOSED, INCIDENT_RESOLVED),
    (MERGED, CLOSE): Transition(CLOSED, INCIDENT_RESOLVED),
    (CLOSED, START): Transition(None, reason=_SECOND_START),
    (CLOSED, START_BEFORE): Transition(None, reason=_BEGAN),
    (CLOSED, START_WITHIN): Transition(None, reason=_ENDED),
    (CLOSED, UNWANTED_START): Transition(None, reason=_SECOND_START),
    (CLOSED, END): Transition(None, reason=_SECOND_END),
    (RELEASED, EARLY_END): Transition(None, reason=_NO_START),
    (RELEASED, UNWANTED_END): _REFUSED,
    (RELEASED, SPARE_END): _STAYS,
    **{(state, UPDATE): Transition(None, reason=_UPDATED) for state in STATES},
}
