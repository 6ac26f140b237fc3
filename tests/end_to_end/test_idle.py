"""Idle servers: their use of the processor while no request comes."""

import os
import time
from pathlib import Path

import pytest

from tests.support.processes import eventually, running

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
SERVERS = {
    "dora": ("dora", "--listen", "127.0.0.1:0", "--store", "sqlite:dora.db"),
    "relay": ("relay",),
}


def cpu_seconds(process: int) -> float:
    """User and system time: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakes(process: int) -> int:
    """How often a thread of the process waited for something: proc_pid_status(5)."""
    found = (path.read_text().splitlines() for path in Path(f"/proc/{process}/task").glob("*/status"))
    return sum(int(line.split()[1]) for lines in found for line in lines if line.startswith("voluntary_"))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_at_rest_leaves_the_machine_alone(name: str, tmp_path: Path) -> None:
    """An idle server uses less than a sixth of a core, and wakes a few times a second."""
    (tmp_path / "gitdailies.yml").write_text(RELAY)
    environ = {"GITDAILIES_WEBHOOK_KEY": "k" * 20, "PAGERDUTY_SECRET": "s" * 20}
    with running(*SERVERS[name], folder=tmp_path, environ=environ) as server:
        pid = server.process.pid
        # On a busy machine, the work that is done once, at the start, takes longer than a second.
        eventually(lambda: rate_of_wakes(pid, 1.0) < MOST_WAKES_A_SECOND)
        before = cpu_seconds(pid), wakes(pid)
        time.sleep(SECONDS)
        taken, woken = cpu_seconds(pid) - before[0], wakes(pid) - before[1]
    assert taken < MOST_OF_A_CORE * SECONDS
    assert woken < MOST_WAKES_A_SECOND * SECONDS


def rate_of_wakes(process: int, seconds: float) -> float:
    before = wakes(process)
    time.sleep(seconds)
    return (wakes(process) - before) / seconds
