"""A DORA server that is away while jobs report: the real step of five platforms, and a late server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gitdailies_dora.accounts.keys.key_store import create_key

from scripts import joiner
from tests.support import processes
from tests.support.empty_stores import DORA
from tests.support.servers import free_port
from tests.support.steps import ROOT, Ended, case

STEP = ROOT / joiner.STEP
# How the platforms name an input.
PREFIXES = ("INPUT", "PARAM", "GITDAILIES")
REPO = "larkspur/checkout-api"
# A minute of attempts, the last answer, and a machine that is busy with all of them.
LONGEST_JOB_SECONDS = 75
# The variable that holds the run.
RUNS = {
    "azure": "BUILD_BUILDID",
    "bitbucket": "BITBUCKET_BUILD_NUMBER",
    "buildkite": "BUILDKITE_BUILD_ID",
    "github_actions": "GITHUB_RUN_ID",
    "gitlab": "CI_PIPELINE_ID",
}


def variables(number: int) -> dict[str, str]:
    """Return those of a job of one of the platforms, with a commit and a run of its own."""
    platform = list(RUNS)[number % len(RUNS)]
    found = case(platform, "push" if platform == "github_actions" else "branch")
    sha = found["expected"]["events"][0]["commitSHA"]
    own = {sha: f"{number + 1:040x}", "larkspur/shop/": "larkspur/"}
    environ: dict[str, str] = found["environ"]
    for old, new in own.items():
        environ = {name: text.replace(old, new) for name, text in environ.items()}
    # A printed address of Azure's page would need a shell.
    environ.pop("SYSTEM_COLLECTIONURI", None)
    return {**environ, RUNS[platform]: str(number + 1)}


@dataclass(frozen=True)
class Outage:
    """A DORA server that does not run yet: its store, its address, and its keys."""

    folder: Path
    address: str
    known: Mapping[str, str]
    reader: str

    @classmethod
    def make(cls, folder: Path) -> Outage:
        store = folder / "dora.db"
        DORA.put(store)
        key, reader = (
            create_key(store, name, allow)[0] for name, allow in (("jobs", ()), ("read", ["read"]))
        )
        address = f"127.0.0.1:{free_port()}"
        known = {"WEBHOOK_URL": f"http://{address}/webhooks", "WEBHOOK_KEY": key.reveal()}
        return cls(
            folder, address, {f"GITDAILIES_{name}": text for name, text in known.items()}, reader.reveal()
        )

    def jobs(self, count: int, **inputs: str) -> list[subprocess.Popen[str]]:
        """Start jobs of all platforms in turn, each of a commit and a run of its own."""
        given = {"environment": "production", **inputs}
        named = {f"{prefix}_{name.upper()}": text for name, text in given.items() for prefix in PREFIXES}
        outputs = {name: str(self.folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        return [
            subprocess.Popen(
                [sys.executable, "-I", "-S", str(STEP)],
                cwd=self.folder,
                env={
                    "PATH": "/nowhere",
                    **outputs,
                    **variables(number),
                    **named,
                    **self.known,
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for number in range(count)
        ]

    @contextmanager
    def over(self) -> Iterator[None]:
        """Let the server run as long as the block lasts."""
        store = ("--store", "sqlite:dora.db")
        with processes.running("dora", "--listen", self.address, *store, folder=self.folder):
            yield

    def read(self, path: str) -> Any:
        request = urllib.request.Request(
            f"http://{self.address}/api/{path}", headers={"webhook-key": self.reader}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def assert_deploys(self, count: int) -> None:
        """The server has so many deploys, none twice, and counts each."""
        events = self.read("events?limit=100")["events"]
        assert (len(events), len({event["id"] for event in events})) == (count, count)
        assert len({event["run"] for event in events}) == count
        assert self.read(f"metrics?repo={REPO}")["figures"]["deploymentFrequency"]["deploys"] == count


def ended(jobs: list[subprocess.Popen[str]]) -> list[Ended]:
    """Wait for the jobs, and return how they ended."""
    try:
        logs = [job.communicate(timeout=LONGEST_JOB_SECONDS + 15)[0] for job in jobs]
    finally:
        for job in jobs:
            job.kill()
            job.wait()
    return [Ended(job.returncode, log) for job, log in zip(jobs, logs, strict=True)]


@pytest.mark.parametrize(
    ("away", "count"),
    [
        # The time that the server takes to start is the outage.
        pytest.param(0, 5, id="short"),
        *(pytest.param(seconds, 30, id=f"{seconds} s", marks=pytest.mark.long) for seconds in (5, 20, 50)),
    ],
)
def test_no_deploy_of_an_outage_is_lost(away: float, count: int, tmp_path: Path) -> None:
    """While the server is away, jobs of five platforms report: each is green, each deploy is there once."""
    outage = Outage.make(tmp_path)
    jobs = outage.jobs(count)
    time.sleep(away)
    with outage.over():
        logs = ended(jobs)
        assert [one for one in logs if one.code or "reported: deploy of" not in one.log] == []
        outage.assert_deploys(count)


@pytest.mark.parametrize(
    ("inputs", "count"),
    [
        pytest.param({"retries": "0"}, 5, id="short"),
        pytest.param({}, 30, id="a minute", marks=pytest.mark.long),
    ],
)
def test_what_was_not_taken_is_sent_later_by_the_printed_line(
    inputs: dict[str, str], count: int, tmp_path: Path
) -> None:
    """While the server stays away, each job ends green in time, and its line sends the deploy later, once."""
    outage = Outage.make(tmp_path)
    began = time.monotonic()
    logs = ended(outage.jobs(count, **inputs))
    assert time.monotonic() - began < LONGEST_JOB_SECONDS
    assert {one.code for one in logs} == {0}
    lines = [re.findall(r"To send it later[^:]*: (gitdailies deploy .+)", one.log) for one in logs]
    assert {len(found) for found in lines} == {1}
    environ = {"PATH": os.environ["PATH"], **outage.known}
    with outage.over():
        for [line] in lines:
            first, again = (processes.typed(line, tmp_path, environ) for _ in range(2))
            assert (first.returncode, again.returncode) == (0, 0), first.stderr
            assert "had it already" not in first.stdout + first.stderr
            assert "had it already; it counts once" in again.stdout + again.stderr
        outage.assert_deploys(count)
