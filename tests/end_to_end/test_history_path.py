"""The documented steps of a new user, typed unchanged while `gitdailies up` runs."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.figures.git.repository import Repository
from tests.support.machine import Process, environment
from tests.support.processes import typed
from tests.support.programs import program
from tests.support.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/history.md"
BLOCK = re.compile(r"(?:^`([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
YEAR = [
    ("deployed", "2025-02-17T14:20:00Z"),
    ("deployed", "2025-11-03T08:55:12Z"),
    ("incidentStarted", "2025-11-03T09:12:41Z"),
    ("incidentResolved", "2025-11-03T10:02:18Z"),
]


@pytest.fixture
def type_in(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Run a line in the folder of a running `gitdailies up`. It must end with code 0."""
    program("curl")
    port = free_port()
    made = Repository(tmp_path / "remote/larkspur/checkout-api.git")
    made.commit("c1", "2025-06-01T08:00:00Z")
    made.git("tag", "--annotate", "--message=x", "v1.4.2")
    # What would be cloned from the network is cloned from this folder.
    cloning = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{tmp_path / 'remote'}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    up = Process(tmp_path, "up", "--dora-port", port, "--relay-port", free_port(), name="up")

    def type_(line: str) -> str:
        ran = typed(line.replace(":8700/", f":{port}/"), tmp_path, environment(cloning))
        assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
        return ran.stdout

    try:
        up.wait_for(" events\n")
        yield type_
    finally:
        up.stop()


def listed(printed: dict[str, str]) -> list[tuple[str, str]]:
    (asked,) = [line for line in printed if line.startswith("curl")]
    return [(event["kind"], event["time"]) for event in json.loads(printed[asked])["events"]]


def test_the_documented_way_ends_with_the_year_in_the_receiver(
    type_in: Callable[[str], str], tmp_path: Path
) -> None:
    """Each file of the page is written, each command typed, and the events come back deploys first."""
    printed: dict[str, str] = {}
    for name, language, text in BLOCK.findall(PAGE.read_text("utf-8")):
        if name:
            (tmp_path / name).write_text(text, "utf-8")
        elif language == "bash":
            printed |= {line: type_in(line) for line in text.splitlines()}

    assert listed(printed) == YEAR
    assert "sent       3\n" in printed["gitdailies history import incidents.csv --mapping pagerduty.yml"]
    versions = "gitdailies history import versions.csv --mapping versions.yml --timezone Europe/Berlin"
    assert "sent       1\n" in printed[versions]
    tagged = json.loads(printed[f"{versions} --dry-run"].partition("first: ")[2].partition("\n")[0])
    sha = Repository(tmp_path / "remote/larkspur/checkout-api.git").named("c1")
    assert (tagged["commitSHA"], tagged["time"]) == (sha, "2025-06-02T07:30:00Z")
    assert tagged["environment"] == "production"
    dry = printed["gitdailies history import history.csv --dry-run"]
    assert re.search(r"2025-11 +1 +1 +1", dry)
    assert "1 of 2 failed" in printed["gitdailies metrics --from 2025-01-01 --to 2026-01-01"]
