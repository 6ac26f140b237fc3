"""Why something did not become an event: a closed list of codes, each with a text for people.

A reason is born where the decision is made and travels with it. Programs read the code: it is the
label of metrics and the word of interfaces. People read the text, which may change at any time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

Code = Literal[
    "filtered",
    "unmapped",
    "ignored",
    "update",
    "unknown_type",
    "repeated_start",
    "repeated_end",
    "late_start",
    "end_without_start",
    "merged",
    "no_commit",
    "no_route",
    "renamed",
    "hold",
    "other",
    "unexpected_payload",
    "invalid_json",
]

FILTERED: Final = "filtered"
UNMAPPED: Final = "unmapped"
IGNORED_SERVICE: Final = "ignored"
UPDATE: Final = "update"
UNKNOWN_TYPE: Final = "unknown_type"
REPEATED_START: Final = "repeated_start"
REPEATED_END: Final = "repeated_end"
LATE_START: Final = "late_start"
END_WITHOUT_START: Final = "end_without_start"
MERGED: Final = "merged"
NO_COMMIT: Final = "no_commit"
NO_ROUTE: Final = "no_route"
RENAMED: Final = "renamed"
HOLD: Final = "hold"
OTHER: Final = "other"
UNEXPECTED_PAYLOAD: Final = "unexpected_payload"
INVALID_JSON: Final = "invalid_json"

# Why a message did not become an event.
IGNORED: Mapping[Code, str] = {
    FILTERED: "The source's filter refuses it.",
    UNMAPPED: "No line under services gives its repository.",
    IGNORED_SERVICE: "Its service has ignore: true under services.",
    UPDATE: "It neither starts nor ends an incident.",
    UNKNOWN_TYPE: "The vendor's table does not have its word.",
    REPEATED_START: "The start of this occurrence was sent before.",
    REPEATED_END: "The end of this occurrence was sent before.",
    LATE_START: "Its occurrence began or ended before it arrived.",
    END_WITHOUT_START: "It ends what never started, and names no start.",
    MERGED: "It was merged into another incident, and ends with that one.",
    NO_COMMIT: "It is a deploy that names no commit.",
    NO_ROUTE: "No line under route says that its word is a deploy.",
    RENAMED: "A repository has a new name, and no line under repositories has it.",
    HOLD: "The incident was shorter than the source's hold, or is not older yet.",
    OTHER: "The vendor's adapter has a reason of its own.",
}
# Why a delivery could not be read as messages.
UNREAD: Mapping[Code, str] = {
    UNEXPECTED_PAYLOAD: "It is JSON, but not of the form that the vendor's table expects.",
    INVALID_JSON: "It is not JSON, nor the form encoding that it announces.",
}
# A note to a message whose time is that of its receipt.
AT_RECEIPT: Final = "time of receipt, as the delivery has none"
# Why a delivery's body is quarantined: a change of gitdailies.yml or an upgrade may make it count.
QUARANTINED: frozenset[str] = frozenset({UNMAPPED, UNKNOWN_TYPE, NO_COMMIT, RENAMED, *UNREAD})
CODES: Mapping[Code, str] = {**IGNORED, **UNREAD}


class Reason(NamedTuple):
    """A code of CODES, and a text of one line for people."""

    code: Code
    text: str


def filtered(name: str, found: Iterable[str], wanted: Sequence[str]) -> Reason:
    """Return the reason of a message whose *name*, such as urgency, is none of the *wanted* ones."""
    verb = "counts" if len(wanted) == 1 else "count"
    return Reason(FILTERED, f"filtered: {name} is {', '.join(found)}; only {', '.join(wanted)} {verb}")
