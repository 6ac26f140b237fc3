"""The commands of the operating guide that `tests/docs` cannot run with `gitdailies up`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import postgresql_url
from tests.support.processes import eventually, run, running
from tests.support.programs import program
from tests.support.relay.deliveries import ENDED_AT, pagerduty
from tests.support.relay.receiver import receiving
from tests.support.relay.running import configure, in_thread
from tests.support.servers import free_port

GUIDE = (Path(__file__).resolve().parents[2] / "docs/operating.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
SQLITE = [block for block in BLOCKS if "pg_" not in block]
POSTGRESQL = [block for block in BLOCKS if "pg_" in block]


def typed(block: str, folder: Path, **replaced: str) -> None:
    """Run each line as a person would, with *replaced* addresses in place of those of the guide."""
    binaries = folder / "bin"
    binaries.mkdir(exist_ok=True)
    script = binaries / "gitdailies"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n')
    script.chmod(0o755)
    environ = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
    for line in block.splitlines():
        if (called := line.split()[0]) != "gitdailies":
            program(called)
        for old, new in replaced.items():
            line = line.replace(old, new)
        done = subprocess.run(
            ["sh", "-c", line], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", SQLITE)
def test_commands_with_a_running_relay(block: str, tmp_path: Path) -> None:
    """Each command ends with code 0 while a relay runs on SQLite."""
    file = configure(tmp_path)
    port = free_port()
    text = file.read_text().replace("status: 127.0.0.1:0", f"status: 127.0.0.1:{port}")
    file.write_text(text.replace("sqlite:relay.db", "sqlite:gitdailies-data/relay.db"))
    with running("relay", folder=tmp_path):
        typed(block, tmp_path, **{"127.0.0.1:8702": f"127.0.0.1:{port}"})


@pytest.mark.parametrize("block", POSTGRESQL)
def test_commands_with_postgresql(block: str, tmp_path: Path) -> None:
    """A dump of the relay's schema, restored into an empty database, holds what was accepted."""
    with postgresql_url() as url, postgresql_url() as empty:
        file = configure(tmp_path)
        file.write_text(file.read_text().replace("sqlite:relay.db", url))
        with running("relay", folder=tmp_path) as server:
            assert pagerduty("incident.triggered", "Q1").post(server.address).status_code == 202
        typed(block, tmp_path, **{"postgresql://db.example/relay": url, "postgresql://db.example/new": empty})
        file.write_text(file.read_text().replace(url, empty))
        printed = run("relay", "explain", "Q1", "--config", "gitdailies.yml", folder=tmp_path).stdout
    assert "incidentStarted" in printed


def test_a_move_to_postgresql_counts_what_began_before_it_once(tmp_path: Path) -> None:
    """An incident that began in the old store ends in the new one, and the id of its start is the same."""
    with receiving() as receiver, postgresql_url() as url:
        file = configure(tmp_path, url=receiver.url)
        with in_thread(file) as old:
            pagerduty("incident.triggered", "Q1").post(old.url)
            eventually(lambda: receiver.of("Q1"))
        file.write_text(file.read_text().replace("sqlite:relay.db", url))
        with running("relay", folder=tmp_path) as new:
            pagerduty("incident.resolved", "Q1", at=ENDED_AT).post(new.address)
            arrivals = eventually(lambda: (found := receiver.of("Q1"))[2:] and found)
    assert [one.event["kind"] for one in arrivals] == [
        "incidentStarted",
        "incidentStarted",
        "incidentResolved",
    ]
    assert arrivals[0].id == arrivals[1].id
