"""Compare intake and delivery of this checkout with those of another one, in turns.

git worktree add /tmp/before v0.1.0
.venv/bin/python -m benchmarks.side_by_side /tmp/before
.venv/bin/python -m benchmarks.side_by_side /tmp/before --store postgresql --rounds 0

The exit code is 1 if this checkout is slower than `--least` allows.
"""

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import deliveries, delivery, harness

OTHER, THIS = "other", "this"


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare intake and delivery of two checkouts.")
    parser.add_argument("other", type=Path, help="a checkout of this project, such as a git worktree")
    parser.add_argument("--least", type=float, default=0.9, help="the least ratio of rates, this ÷ other")
    parser.add_argument("--seconds", type=float, default=60.0, help="of intake; 0: leave it out")
    parser.add_argument("--store", choices=harness.KINDS, default="sqlite", help="of intake")
    parser.add_argument("--rounds", type=int, default=3, help="of delivery; 0: leave it out")
    parser.add_argument("--events", type=int, default=120_000, help="of intake; delivery has a sixth of them")
    given = parser.parse_args()
    if not (given.other / "relay" / "gitdailies_relay").is_dir():
        parser.error(f"other: expected a checkout of this project, got {given.other}")
    os.sched_setaffinity(0, {harness.CORES[-1]})
    checkouts = {OTHER: given.other.resolve(), THIS: harness.CHECKOUT}
    ratios = {}
    if given.seconds:
        ratios["intake"] = _intake(checkouts, given)
    if given.rounds:
        ratios |= {f"delivery, {kind}": _delivery(checkouts, kind, given) for kind in delivery.KINDS}
    harness.judged(
        [
            f"{name}: expected {given.least:g} of the other's rate, got {found:.3f}"
            for name, found in ratios.items()
            if found < given.least
        ]
    )


def _intake(checkouts: dict[str, Path], given: argparse.Namespace) -> float:
    requests = deliveries.build("pagerduty", given.events)
    with ExitStack() as stack:
        lanes = {}
        for name, checkout in checkouts.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-side-")))
            server = stack.enter_context(delivery.relay(folder, given.store, checkout=checkout))
            lanes[name] = harness.Lane(server, requests)
        harness.in_turns(lanes, given.seconds)
        print(f"intake, {given.store}")
        return harness.table(lanes, dict.fromkeys(lanes, OTHER))[THIS][0]


def _delivery(checkouts: dict[str, Path], kind: str, given: argparse.Namespace) -> float:
    events = given.events // 6
    found: dict[str, list[delivery.Delivered]] = {name: [] for name in checkouts}
    for _ in range(given.rounds):
        for name, checkout in checkouts.items():
            one = delivery.of_relay(kind, events, 200, checkout)
            harness.judged(delivery.faults(name, one, events))
            found[name].append(one)
    rate, rates = harness.ratio(*([one.rate for one in found[name]] for name in (THIS, OTHER)))
    _, costs = harness.ratio(*([one.cost for one in found[name]] for name in (THIS, OTHER)))
    print(f"delivery, {kind}: this ÷ other: {rates} of the rate, {costs} of the CPU time", flush=True)
    return rate


if __name__ == "__main__":
    main()
