"""Requests without a valid key, since the server started: from where, what was wrong, how often. In memory.

Anyone may send them, so they cost no write, and only the newest kinds are remembered. No key is.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime

MOST_REMEMBERED = 100
_LONGEST_DETAIL = 300


@dataclass(frozen=True)
class UnknownKey:
    """Requests from one network with the same fault."""

    network: str
    detail: str
    requests: int
    first_at: datetime
    last_at: datetime


class UnknownKeys:
    """The newest kinds of requests without a valid key. Use it inside one event loop."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, str], UnknownKey] = OrderedDict()

    def note(self, network: str, detail: str, now: datetime) -> None:
        """Note a request. *detail* names no key."""
        kind = network, detail[:_LONGEST_DETAIL]
        found = self._found.pop(kind, None)
        if found is None:
            found = UnknownKey(*kind, requests=0, first_at=now, last_at=now)
        self._found[kind] = replace(found, requests=found.requests + 1, last_at=now)
        while len(self._found) > MOST_REMEMBERED:
            self._found.popitem(last=False)

    def newest(self) -> list[UnknownKey]:
        """Return the notes, the newest first."""
        return list(reversed(self._found.values()))
