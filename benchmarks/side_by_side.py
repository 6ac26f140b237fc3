"""Compare intake of this checkout and another one, with both servers running at once: for small differences.

git worktree add /tmp/before main
.venv/bin/python benchmarks/side_by_side.py /tmp/before
.venv/bin/python benchmarks/side_by_side.py /tmp/before --case h --scattered --seconds 60
.venv/bin/python benchmarks/side_by_side.py --last-release --least 0.95

README.md in this folder explains why. The exit code is 1 if this checkout is slower than `--least` allows.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import deliveries
import intake_cases
import load
from intake_cases import CASES, CHECKOUT, PEER, Case

_SLICE_SECONDS = 0.4
_WARM_UP_SECONDS = 1.0
# The pause after a slice, until the remaining answers have arrived.
_REST_SECONDS = 0.02
_LETTERS = [case.letter for case in CASES if case.kind != PEER and case.servers == 1]


class Side:
    """The server of one checkout, and the cost of its slices of the load."""

    def __init__(self, sending: load.Sending, process: int) -> None:
        self._sending = sending
        self._process = process
        self.cpu_us: list[float] = []
        self.a_second: list[float] = []

    def take(self, seconds: float, *, measure: bool = True) -> bool:
        """Run one slice; False if no requests are left."""
        slice_, cpu_us, began_at = load.Load(), self._cpu_us(), time.perf_counter()
        more = self._sending.go_on(slice_, seconds)
        took = time.perf_counter() - began_at
        time.sleep(_REST_SECONDS)
        if slice_.refused:
            raise SystemExit(f"expected 202, got {slice_.refused[0]!r}")
        # A machine that does other work may leave a slice without an answer.
        if measure and more and slice_.milliseconds:
            self.cpu_us.append((self._cpu_us() - cpu_us) / len(slice_.milliseconds))
            self.a_second.append(len(slice_.milliseconds) / took)
        return more

    def _cpu_us(self) -> float:
        # proc(5): exact nanoseconds on a core; stat has only hundredths of a second.
        threads = Path(f"/proc/{self._process}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the intake of two checkouts.")
    other = parser.add_mutually_exclusive_group(required=True)
    other.add_argument(
        "other", type=Path, nargs="?", help="a checkout of this project, such as a git worktree"
    )
    other.add_argument("--last-release", action="store_true", help="compare with the newest tag before HEAD")
    parser.add_argument("--least", type=float, help="the least ratio of deliveries a second")
    parser.add_argument("--case", default="a", choices=_LETTERS)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument(
        "--events", type=int, default=120_000, help="events for each; it ends when no events are left"
    )
    parser.add_argument("--scattered", action="store_true", help="send incident ids in random order")
    given = parser.parse_args()
    with ExitStack() as stack:
        if given.last_release:
            given.other = _last_release(stack)
            if given.other is None:
                print("--last-release: there is no release yet to compare with")
                return
        if not (given.other / "benchmarks" / "intake_server.py").is_file():
            parser.error(f"other: expected a checkout of this project, got {given.other}")
        ratio = _compare(given)
    if given.least is not None and ratio < given.least:
        raise SystemExit(f"expected {given.least:g} of the other's deliveries a second, got {ratio:.3f}")


def _last_release(stack: ExitStack) -> Path | None:
    """Check out the newest tag of another commit; None if there is none."""
    here, tags = (
        set(_git("tag", "--list", "v*", *more).split())
        for more in (("--points-at", "HEAD"), ("--merged", "HEAD"))
    )
    newest = [tag for tag in _git("tag", "--list", "v*", "--sort=-v:refname").split() if tag in tags - here]
    if not newest:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-release-")))
    _git("worktree", "add", "--detach", "--force", str(folder / "before"), newest[0])
    stack.callback(_git, "worktree", "remove", "--force", str(folder / "before"))
    return folder / "before"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", CHECKOUT, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def _compare(given: argparse.Namespace) -> float:
    """Compare both checkouts; return the ratio of deliveries a second."""
    (case,) = (case for case in CASES if case.letter == given.case)
    if case.ends:
        requests = deliveries.build_ends(given.events)
    else:
        requests = deliveries.build(given.events, scattered=given.scattered)
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with ExitStack() as stack:
        sides = [
            _side(stack, case, checkout.resolve(), cores[0], requests, given.connections)
            for checkout in (given.other, CHECKOUT)
        ]
        for side in sides:
            side.take(_WARM_UP_SECONDS, measure=False)
        until = time.monotonic() + given.seconds
        # In random order, so that periodic disturbances do not hit one side only.
        while time.monotonic() < until and all(s.take(_SLICE_SECONDS) for s in random.sample(sides, 2)):
            pass
    return _print_ratio(*sides)


def _side(
    stack: ExitStack,
    case: Case,
    checkout: Path,
    core: int,
    requests: Sequence[deliveries.Request],
    connections: int,
) -> Side:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-side-")))
    address = stack.enter_context(intake_cases.store(case, folder.name.replace("-", "_").lower()))
    log = stack.enter_context((folder / "relay.log").open("w"))
    started = intake_cases.start(case, folder, address, core, log, checkout)
    process = stack.enter_context(started.process)  # which waits for its end
    stack.callback(process.kill)
    return Side(load.Sending([started.address], requests, connections), process.pid)


def _print_ratio(before: Side, after: Side) -> float:
    count = min(len(before.cpu_us), len(after.cpu_us))
    if count < 2:
        raise SystemExit("--seconds, --events: too few for two slices; give more")
    for name, side in (("other", before), ("this", after)):
        rate, cpu_us = statistics.median(side.a_second), statistics.median(side.cpu_us)
        print(f"{name:5}  {rate:7,.0f} a second  {cpu_us:6.1f} µs CPU each  {len(side.cpu_us)} slices")
    found = []
    for what, ours, theirs in (
        ("deliveries a second", after.a_second, before.a_second),
        ("CPU time", after.cpu_us, before.cpu_us),
    ):
        ratios = [mine / other for mine, other in zip(ours[:count], theirs[:count], strict=True)]
        # 1.25: a median scatters that much more than a mean, for a normal distribution.
        error = 1.25 * statistics.stdev(ratios) / count**0.5
        found.append(statistics.median(ratios))
        print(f"this / other: {found[-1]:.3f} ± {error:.3f} of the {what}")
    return found[0]


if __name__ == "__main__":
    main()
