"""The receivers of events: GitDailies as it is documented, and ours. What is sent to each, by what name."""

from __future__ import annotations

from gitdailies_core.events.kind import Kind

KEY_HEADER = "webhook-key"
ID_HEADER = "Idempotency-Key"
OURS = "ours"
DOCUMENTED = "documented"
RECEIVERS = (DOCUMENTED, OURS)
# Keys of our own DORA server begin with this. A CI job can so tell the receiver from the key.
OUR_KEY_PREFIX = "gdk_"


def taken(kind: Kind, receiver: str) -> frozenset[str]:
    """Return the wire names of a kind's fields that *receiver* takes, and `kind`."""
    return frozenset({"kind", *(field.name for field in kind.fields if receiver == OURS or field.documented)})
