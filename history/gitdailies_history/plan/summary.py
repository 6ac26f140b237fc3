"""A summary of a plan: the first and last event of each kind, and the number of events a month. Pure."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from gitdailies_history.plan.encoding import Entry


def summary_of(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return the summary of *entries*, which are in order, as a JSON object.

    It has `events` (their number), `first` and `last` (the event by kind), and `months` (the oldest first,
    each with its number of events by kind).
    """
    first: dict[str, Entry] = {}
    last: dict[str, Entry] = {}
    months: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        first.setdefault(entry.kind, entry)
        last[entry.kind] = entry
        months[entry.at[:7], entry.kind] += 1
    names = sorted({month for month, _ in months})
    return {
        "events": months.total(),
        "first": {kind: json.loads(entry.body) for kind, entry in first.items()},
        "last": {kind: json.loads(entry.body) for kind, entry in last.items()},
        "months": [{"month": name, **{kind: months[name, kind] for kind in first}} for name in names],
    }
