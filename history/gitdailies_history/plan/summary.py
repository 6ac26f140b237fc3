"""A summary of a plan: the first and last event of each kind, and the number of events a month. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gitdailies_history.plan.encoding import Entry


@dataclass
class Summary:
    """Add entries in order, then read the attributes."""

    first: dict[str, Entry] = field(default_factory=dict)
    last: dict[str, Entry] = field(default_factory=dict)
    months: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        """Count an event."""
        self.first.setdefault(entry.kind, entry)
        self.last[entry.kind] = entry
        self.months[entry.at[:7], entry.kind] += 1

    @property
    def kinds(self) -> list[str]:
        """The kinds in the plan, in the order to send."""
        return list(self.first)

    def by_month(self) -> list[tuple[str, dict[str, int]]]:
        """Return each month that has events, oldest first, with the count of each kind."""
        names = sorted({month for month, _ in self.months})
        return [(month, {kind: self.months[month, kind] for kind in self.kinds}) for month in names]

    def to_wire(self) -> dict[str, Any]:
        """Return the summary as a JSON object."""
        return {
            "events": self.months.total(),
            "first": {kind: entry.event.to_wire() for kind, entry in self.first.items()},
            "last": {kind: entry.event.to_wire() for kind, entry in self.last.items()},
            "months": [{"month": month, **counts} for month, counts in self.by_month()],
        }
