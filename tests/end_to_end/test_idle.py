"""Idle servers: their use of the processor while no request comes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.processes import running

SECONDS = 3.0
# The server polls a few times a second; a loop without a wait would use a whole core.
MOST_OF_A_CORE = 0.15

RELAY = """\
gitdailies: {url: "http://127.0.0.1:9/webhooks", key: {env: GITDAILIES_WEBHOOK_KEY}}
relay: {listen: "127.0.0.1:0", status: "127.0.0.1:0", store: "sqlite:relay.db"}
services: {"*": {repo: "larkspur/{service}"}}
sources:
  pagerduty: {adapter: pagerduty, secrets: [{env: PAGERDUTY_SECRET}]}
"""
SERVERS = {
    "webhooks": ("webhooks", "--listen", "127.0.0.1:0", "--store", "sqlite:webhooks.db"),
    "relay": ("relay",),
}


def cpu_seconds(process: int) -> float:
    """User and system time: proc_pid_stat(5), fields 14 and 15."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_at_rest_leaves_the_machine_alone(name: str, tmp_path: Path) -> None:
    """An idle server uses less than a sixth of a core."""
    (tmp_path / "gitdailies.yml").write_text(RELAY)
    environ = {"GITDAILIES_WEBHOOK_KEY": "k" * 20, "PAGERDUTY_SECRET": "s" * 20}
    with running(*SERVERS[name], folder=tmp_path, environ=environ) as server:
        time.sleep(1)  # work that is done once, at the start
        before = cpu_seconds(server.process.pid)
        time.sleep(SECONDS)
        taken = cpu_seconds(server.process.pid) - before
    assert taken < MOST_OF_A_CORE * SECONDS
