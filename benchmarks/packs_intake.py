"""Relay intake with source packs, as a ratio to PagerDuty's adapter at the same relay.

    python benchmarks/packs_intake.py [--seconds 60] [--events 20000]

One relay takes deliveries of one source after another, in slices of 0.4 s in random order, so that what
disturbs the machine hits all alike. The exit code is 1 if a pack's rate is below 0.85 of PagerDuty's.
README.md in this folder explains the table.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import intake_cases
import load
import pack_deliveries
from side_by_side import Side

PEER, SCATTERED = "pagerduty", "pagerduty, scattered"
# Each pack with its peer: deliveries of PagerDuty whose ids increase as the pack's do, or do not.
PACKS = {"opsgenie": SCATTERED, "alertmanager": SCATTERED, "incident-io": PEER, "github": SCATTERED}
LEAST = 0.85
_SLICE_SECONDS, _WARM_UP_SECONDS = 0.4, 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the intake of packs with that of PagerDuty.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--events", type=int, default=20_000, help="of each source; it ends when none is left"
    )
    given = parser.parse_args()
    names = (PEER, SCATTERED, *PACKS)
    requests = {name: pack_deliveries.build(name, given.events) for name in names}
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-packs-")))
        log = stack.enter_context((folder / "relay.log").open("w"))
        configuration = pack_deliveries.CONFIGURATION.format(
            url="http://127.0.0.1:9/webhooks",
            listen="127.0.0.1:0",
            status="127.0.0.1:0",
            store=intake_cases.SQLITE,
        )
        started = intake_cases.start(
            intake_cases.CASES[0],
            folder,
            intake_cases.SQLITE,
            cores[0],
            log,
            configuration=configuration,
            secrets=pack_deliveries.SECRETS,
        )
        process = stack.enter_context(started.process)  # which waits for its end
        stack.callback(process.kill)
        sides = {
            name: Side(load.Sending([started.address], requests[name], given.connections), process.pid)
            for name in names
        }
        for side in sides.values():
            side.take(_WARM_UP_SECONDS, measure=False)
        until = time.monotonic() + given.seconds
        while time.monotonic() < until and all(
            sides[name].take(_SLICE_SECONDS) for name in random.sample(names, len(names))
        ):
            pass
    sys.exit(0 if report(sides) else 1)


def report(sides: dict[str, Side]) -> bool:
    """Print the table. Return whether every pack keeps the limit."""
    if len(sides[PEER].cpu_us) < 2:
        raise SystemExit("--seconds, --events: too few for two slices; give more")
    print("| source | accepted/s | CPU µs each | of PagerDuty's rate | of its CPU time | slices |")
    print("|---|---:|---:|---:|---:|---:|")
    lowest = 1.0
    for name, side in sides.items():
        peer = sides[PACKS.get(name, name)]
        rate, cpu = statistics.median(side.a_second), statistics.median(side.cpu_us)
        share = statistics.median(mine / its for mine, its in zip(side.a_second, peer.a_second, strict=False))
        cost = statistics.median(mine / its for mine, its in zip(side.cpu_us, peer.cpu_us, strict=False))
        lowest = min(lowest, share)
        print(f"| {name} | {rate:,.0f} | {cpu:.0f} | {share:.2f} | {cost:.2f} | {len(side.cpu_us)} |")
    return lowest >= LEAST


if __name__ == "__main__":
    main()
