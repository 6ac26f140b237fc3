"""What one core of a relay accepts, beside servers that do less: see README.md in this folder.

.venv/bin/python -m benchmarks.intake

The exit code is 1 if the relay accepts less than three times as much as the durable peer.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from benchmarks import deliveries, harness
from benchmarks.delivery import relay

SQLITE, POSTGRESQL, BARE, DURABLE = LANES = (
    "relay on SQLite",
    "relay on PostgreSQL",
    "bare server",
    "durable peer",
)
LEAST_OF_THE_PEER = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the intake of the relay with other servers.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--events", type=int, default=60_000, help="for each; it ends when none is left")
    given = parser.parse_args()
    requests = deliveries.build("pagerduty", given.events)
    os.sched_setaffinity(0, {harness.CORES[-1]})
    here = str(Path(__file__).parent)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-intake-")))
        environ = {**deliveries.ENVIRON, "PEER_FILE": str(folder / "peer.log")}
        bare = ["-m", "uvicorn", "peers:bare", "--app-dir", here, "--port", "0", "--http", "httptools"]
        durable = ["-m", "gunicorn", "peers:durable", "--chdir", here, "--bind", "127.0.0.1:0"]
        durable += ["--worker-class", "gthread", "--threads", "32", "--keep-alive", "60"]
        servers = [
            *(stack.enter_context(relay(folder, kind)) for kind in harness.KINDS),
            stack.enter_context(harness.serving(*bare, "--no-access-log", folder=folder)),
            stack.enter_context(harness.serving(*durable, folder=folder, environ=environ)),
        ]
        # The bare server would be through in a second, and it does not mind the same ones again.
        loads = {name: cycle(requests) if name == BARE else requests for name in LANES}
        lanes = {name: harness.Lane(server, loads[name]) for name, server in zip(LANES, servers, strict=True)}
        harness.in_turns(lanes, given.seconds)
        found = harness.table(lanes, dict.fromkeys(LANES, DURABLE))
    harness.judged(
        []
        if found[SQLITE][0] >= LEAST_OF_THE_PEER
        else [f"expected {LEAST_OF_THE_PEER:g} times the durable peer's rate, got {found[SQLITE][0]:.2f}"]
    )


if __name__ == "__main__":
    main()
