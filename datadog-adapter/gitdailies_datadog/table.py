"""Datadog's words: each is started, resolved, updated or the reason why it is ignored.

Sources: Datadog's documentation, "Webhooks" ($ALERT_TRANSITION, $INCIDENT_STATUS) and "Describe
an incident" (its states). The undocumented spellings are known from other receivers.
"""

from collections.abc import Mapping
from typing import Any

from gitdailies_core import RESOLVED, STARTED, UPDATED, Option
from gitdailies_core.reasons import OTHER, UNKNOWN_TYPE, Code

UNKNOWN = "not in the table of Datadog's words"
TEST = "a test notification"
NO_MONITOR = "not a monitor alert: it has no transition"
NO_INCIDENT = "not an incident notification: it has no status"
_WARN = "a warning; it counts only with the option warn: true"
_NO_DATA = "missing data; it counts only with the option no_data: true"

TRANSITIONS: Mapping[str, str] = {
    "Triggered": STARTED,
    # The same cycle again. It is a start only if the first one never arrived.
    "Re-Triggered": STARTED,
    # Every word that begins with Recovered is an end, as in other receivers.
    "Recovered": RESOLVED,
    "Warn Recovered": RESOLVED,
    "No Data Recovered": RESOLVED,
    "NoData Recovered": RESOLVED,
    "Renotify": UPDATED,
    "Re-Notify": UPDATED,
    "Warn": _WARN,
    "Re-Warn": _WARN,
    "No Data": _NO_DATA,
    "Re-No Data": _NO_DATA,
    "Null": NO_MONITOR,
}

STATUSES: Mapping[str, str] = {
    "active": STARTED,
    # Users are no longer affected. Datadog's own time to restore ends here too.
    "stable": RESOLVED,
    # After stable, these are a second end, which is not sent.
    "resolved": RESOLVED,
    "completed": RESOLVED,
}

TABLE: Mapping[str, str] = {**TRANSITIONS, **STATUSES}

OPTIONS: Mapping[str, Option] = {
    "warn": Option((False, True), "count a monitor's warnings as incidents"),
    "no_data": Option((False, True), "count a monitor's missing data as incidents"),
    "incident_ends_at": Option(
        ("stable", "resolved"), "the status at which an incident of Incident Management is over"
    ),
}

# Another meaning of a word: the option, its value, and the meaning with that value.
_SWITCHED: Mapping[str, tuple[str, Any, str]] = {
    "Warn": ("warn", True, STARTED),
    "Re-Warn": ("warn", True, STARTED),
    "No Data": ("no_data", True, STARTED),
    "Re-No Data": ("no_data", True, STARTED),
    "stable": ("incident_ends_at", "resolved", UPDATED),
}
# The documentation does not say whether $INCIDENT_STATUS is in upper or lower case.
_WRITTEN = {word.casefold(): word for word in TABLE}


def transition(given: str) -> str:
    """Return the table's word for a transition, or "" if it has none."""
    word = _WRITTEN.get(given.casefold(), "")
    if not word and given.casefold().startswith("recovered"):
        word = "Recovered"
    return word if word in TRANSITIONS else ""


def status(given: str) -> str:
    """Return the table's word for an incident's status, or "" if it has none."""
    word = _WRITTEN.get(given.casefold(), "")
    return word if word in STATUSES else ""


def meaning(word: str, options: Mapping[str, Any]) -> str:
    """Return what a word of the table means under *options*, or UNKNOWN."""
    if word in _SWITCHED:
        option, value, switched = _SWITCHED[word]
        if options.get(option, OPTIONS[option].values[0]) == value:
            return switched
    return TABLE.get(word, UNKNOWN)


def code(ignored: str) -> Code:
    """Return the code of a reason why a message is ignored."""
    return UNKNOWN_TYPE if ignored == UNKNOWN else OTHER
