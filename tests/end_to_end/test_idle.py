"""Idle servers: their use of the processor while no request comes."""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.processes import Server, eventually, running

SECONDS = 3.0
# A loop without a wait would use a whole core, and one that polls would wake the processor.
MOST_OF_A_CORE, MOST_WAKES_A_SECOND = 0.15, 12

RELAY = """\
gitdailies: {url: "http://127.0.0.1:9/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}
relay: {listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "sqlite:relay.db"}
services: {"*": {repo: "larkspur/{service}"}}
sources:
  pagerduty: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}]}
"""
SERVERS = ("dora", "--listen", "127.0.0.1:0", "--store", "sqlite:dora.db"), ("relay",)


def cpu_seconds(process: int) -> float:
    """User and system time: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakes(process: int) -> int:
    """How often a thread of the process waited for something: proc_pid_status(5)."""
    found = (path.read_text().splitlines() for path in Path(f"/proc/{process}/task").glob("*/status"))
    return sum(int(line.split()[1]) for lines in found for line in lines if line.startswith("voluntary_"))


def test_servers_at_rest_leave_the_machine_alone(tmp_path: Path) -> None:
    """Each idle server uses less than a sixth of a core, and wakes a few times a second."""
    (tmp_path / "gitdailies.yml").write_text(RELAY)
    environ = {"GITDAILIES_WEBHOOK_KEY": "k" * 20, "PAGERDUTY_SECRET": "s" * 20}
    with ExitStack() as stack:
        servers = [stack.enter_context(running(*one, folder=tmp_path, environ=environ)) for one in SERVERS]
        # On a busy machine, the work that is done once, at the start, takes longer than a second.
        eventually(lambda: max(woken for _, woken in used(servers, 1.0)) < MOST_WAKES_A_SECOND)
        for server, (taken, woken) in zip(servers, used(servers, SECONDS), strict=True):
            assert taken < MOST_OF_A_CORE, server
            assert woken < MOST_WAKES_A_SECOND, server


def used(servers: Sequence[Server], seconds: float) -> list[tuple[float, float]]:
    """Return how much of a core each server takes from now on, and how often it wakes in a second."""
    before = [(cpu_seconds(one.process.pid), wakes(one.process.pid)) for one in servers]
    time.sleep(seconds)
    return [
        ((cpu_seconds(one.process.pid) - cpu) / seconds, (wakes(one.process.pid) - number) / seconds)
        for one, (cpu, number) in zip(servers, before, strict=True)
    ]
