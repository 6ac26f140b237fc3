"""Whether the fields that decide what counts are still sent. Pure.

A vendor that renames one causes no error: a filter then drops every incident, and what has no environment
counts as production. What was seen of a field is a text with a digit for each delivery, the last one at its
end: 1 if the field was there, 0 if not.
"""

from collections.abc import Iterable, Sequence

from gitdailies_core.incidents.routing import Filter
from gitdailies_core.sources.deploy_messages import Deploy
from gitdailies_core.sources.protocol import STARTED, Change, Message

# A field is missing if it was in SHARE of USUAL deliveries, and in none of the ABSENT ones after them.
USUAL, SHARE, ABSENT = 100, 0.95, 20
OF_A_START = " of a start"


def deciding(only: Filter) -> tuple[str, ...]:
    """Return the names of the fields that decide what counts at a source with the filter *only*."""
    named = [name for name in ("urgency", "priority", "service", "title") if getattr(only, name)]
    return ("environment", "severity", *named, *(f"tag {name}" for name in only.tags))


def fields_of(messages: Iterable[Message], names: Sequence[str]) -> dict[str, bool]:
    """Return whether any message of a delivery has each of the fields *names*.

    Those of a start count apart, because ends may lack them, and so do those of a deploy.
    """
    found: dict[str, bool] = {}
    for message in messages:
        values: dict[str, object] = {}
        if isinstance(message, Deploy):
            values["environment of a deploy"] = message.environment
        elif isinstance(message, Change):
            told = {"service": message.services} | {f"tag {name}": one for name, one in message.tags.items()}
            values = {name: told.get(name) or getattr(message, name, None) for name in names}
            if message.state == STARTED:
                values |= {name + OF_A_START: value for name, value in values.items()}
        found |= {name: bool(value) or found.get(name, False) for name, value in values.items()}
    return found


def with_more(seen: str, more: str) -> str:
    """Return the earlier and the present digits. Those from before a field was missing are kept meanwhile."""
    before = (seen + more).rstrip("0")
    absent = len(seen) + len(more) - len(before)
    return before[-USUAL:] + "0" * min(absent, ABSENT)


def is_missing(seen: str) -> bool:
    """Whether a field was nearly always there, and is not any more."""
    before = seen.rstrip("0")
    was_usual = len(before) == USUAL and before.count("1") >= SHARE * USUAL
    return was_usual and len(seen) - len(before) == ABSENT
