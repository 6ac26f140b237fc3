"""What one core of a relay accepts: see README.md in this folder.

.venv/bin/python -m benchmarks.intake
.venv/bin/python -m benchmarks.intake --packs

It is compared with servers that do less. With --packs, deliveries of source packs are compared with those
of PagerDuty at the same relay. The exit code is 1 if a limit is missed.
"""

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
PAGERDUTY, SCATTERED = "pagerduty", "pagerduty, scattered"
# Each with its peer: deliveries of PagerDuty whose ids increase as those of the pack do, or do not.
PACKS = {
    PAGERDUTY: PAGERDUTY,
    SCATTERED: SCATTERED,
    "opsgenie": SCATTERED,
    "alertmanager": SCATTERED,
    "incident-io": PAGERDUTY,
    "github": SCATTERED,
}
# The least rates: of the durable peer's, and of PagerDuty's.
LEAST, LEAST_OF_A_PACK = 3.0, 0.85


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the intake of the relay with other servers.")
    parser.add_argument("--packs", action="store_true", help="compare source packs with PagerDuty instead")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--events", type=int, help="for each; it ends when none is left")
    given = parser.parse_args()
    os.sched_setaffinity(0, {harness.CORES[-1]})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gitdailies-intake-")))
        if given.packs:
            requests = {name: deliveries.build(name, given.events or 20_000) for name in PACKS}
            server = stack.enter_context(relay(folder))
            lanes, peers = {name: harness.Lane(server, requests[name]) for name in PACKS}, PACKS
            limits = dict.fromkeys(PACKS, LEAST_OF_A_PACK)
        else:
            lanes = _beside_servers(stack, folder, given.events or 60_000)
            peers, limits = dict.fromkeys(LANES, DURABLE), {SQLITE: LEAST}
        harness.in_turns(lanes, given.seconds)
        found = harness.table(lanes, peers)
    harness.judged(
        [
            f"{name}: expected {least:g} times the rate of {peers[name]}, got {found[name][0]:.2f}"
            for name, least in limits.items()
            if found[name][0] < least
        ]
    )


def _beside_servers(stack: ExitStack, folder: Path, events: int) -> dict[str, harness.Lane]:
    requests, here = deliveries.build("pagerduty", events), str(Path(__file__).parent)
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
    return {name: harness.Lane(server, loads[name]) for name, server in zip(LANES, servers, strict=True)}


if __name__ == "__main__":
    main()
