"""Relay intake with source packs, beside PagerDuty's adapter at the same relay.

.venv/bin/python -m benchmarks.packs_intake

The exit code is 1 if a pack's rate is below 0.85 of PagerDuty's.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks import deliveries, harness
from benchmarks.delivery import relay

PEER, SCATTERED = "pagerduty", "pagerduty, scattered"
# Each with its peer: deliveries of PagerDuty whose ids increase as those of the pack do, or do not.
LANES = {
    PEER: PEER,
    SCATTERED: SCATTERED,
    "opsgenie": SCATTERED,
    "alertmanager": SCATTERED,
    "incident-io": PEER,
    "github": SCATTERED,
}
LEAST = 0.85


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the intake of packs with that of PagerDuty.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--events", type=int, default=20_000, help="of each; it ends when none is left")
    given = parser.parse_args()
    requests = {name: deliveries.build(name, given.events) for name in LANES}
    os.sched_setaffinity(0, {harness.CORES[-1]})
    with tempfile.TemporaryDirectory(prefix="gitdailies-packs-") as folder, relay(Path(folder)) as server:
        lanes = {name: harness.Lane(server, requests[name]) for name in LANES}
        harness.in_turns(lanes, given.seconds)
        found = harness.table(lanes, LANES)
    harness.judged(
        [
            f"{name}: expected {LEAST:g} of the rate of {LANES[name]}, got {rate:.2f}"
            for name, (rate, _) in found.items()
            if rate < LEAST
        ]
    )


if __name__ == "__main__":
    main()
