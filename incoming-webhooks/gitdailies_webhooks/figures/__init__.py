"""The DORA figures, computed from events by pure functions: no store, no clock.

```text
stored events ─► events     deploys, starts and ends of incidents, in order
    mirror ─► ancestry ─┘   commits of deploys that list none
                 │
                 ├─► repeats     which deploys count, and which only repeat another
                 ├─► lead_time   the commits that each deploy was the first to bring, and their lead times
                 ├─► remedies    which deploys undo, replace or repair earlier ones
                 ├─► incidents   occurrences, and the deploy that each one is attributed to
                 ▼
               facts             of each deploy: new commits, incidents, remedies, first outage
                 │
                 ├─► metrics     the five figures of the deploys that a `selection` includes
                 │      ├─► trend      the same figures for each day, week or month
                 │      └─► timeline   marks and a list of the newest events, for the DORA page
                 ├─► columns     the same deploys and incidents as arrays, for very many events; past `weeks`
                 │      │        have one row for each place, and places of the `same_groups` can share one
                 │      └─► sums ─► tally     the five figures of `groups` over segments of time
                 │            └─► series      questions by group and bucket, with `comparison` of two periods
                 └─► reasons     why each event counts in a figure, or why not
```

Times are whole microseconds since 1970, as in the store. Durations are microseconds, too; `metrics`
writes them as seconds. `commits` holds the collections in which a full SHA and a shortened one meet.
"""

import os
from contextlib import suppress
from pathlib import Path

from gitdailies_webhooks.figures import processor

# The beginning has the first processor. Linux makes the text while it is read.
_beginning = ""
with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as _file:
    _beginning = _file.read(8192)
for _name, _value in processor.settings(_beginning).items():
    os.environ.setdefault(_name, _value)
