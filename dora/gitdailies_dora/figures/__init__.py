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
                 ├─► columns     deploys, failures and incidents as arrays; past weeks are by target
                 │      ├─► chance            how many deploys failed by chance alone, by target
                 │      └─► sums ─► tally     what adds up to the five figures, by group and segment of time
                 │            └─► series      questions by group and bucket, with `comparison` of two periods
                 │                  └─► numbers, report     figures and answers, one name for each number
                 ├─► tracks      marks and a list of the newest events, for the page of one repository
                 └─► reasons     why each event counts in a figure, or why not
```

Times are whole microseconds since 1970, as in the store. Durations are microseconds, too; `numbers` has
them in seconds. `commits` holds the collections in which a full SHA and a shortened one meet.
"""

import os

# NumPy's linear algebra, which nothing here needs, would start a thread for each core of the machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
