"""The benchmarks, in forms too short to measure anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import harness

ROOT = Path(__file__).parents[3]
# A benchmark starts servers of its own, one after another.
long = pytest.mark.long


def run(name: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)


def rows(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the first cell of each row; a limit that a busy machine missed is the only error."""
    assert done.returncode in (0, 1), done.stderr
    assert all("expected" in line for line in done.stderr.splitlines()), done.stderr
    cells = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("| ")]
    return [cell for cell in cells if cell]


@long
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        (
            "intake",
            ("--seconds=3", "--events=20000"),
            ["relay on SQLite", "relay on PostgreSQL", "bare server", "durable peer"],
        ),
        (
            "intake",
            ("--packs", "--seconds=6", "--events=15000"),
            ["pagerduty", "pagerduty, scattered", "opsgenie", "alertmanager", "incident-io", "github"],
        ),
        ("ceiling", ("--deliveries=300", "--relays", 2), ["sqlite, 1 relay", "postgresql, 2 relays"]),
        ("delivery", ("--events=600",), ["a simple script", "relay, documented", "relay, ours"]),
        ("side_by_side", (ROOT, "--seconds=3", "--events=30000", "--rounds=0"), ["other", "this"]),
    ],
)
def test_a_short_run_has_its_rows(name: str, options: tuple[object, ...], expected: list[str]) -> None:
    """Each server or script that is compared has its row, and every request was accepted."""
    assert rows(run(name, *options)) == expected


@long
def test_delivery_of_a_checkout_compared_with_itself_gives_ratios() -> None:
    """Each kind of receiver has a line with both ratios."""
    done = run("side_by_side", ROOT, "--seconds=0", "--events=3600", "--rounds=1", "--least=0.01")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == [
        "delivery, documented",
        "delivery, ours",
    ]


@long
def test_events_that_do_not_come_are_a_failure() -> None:
    """Where not everything has arrived in time, the run says so and ends with 1."""
    done = run("delivery", "--events=2000", "--seconds=0")
    assert done.returncode == 1
    assert "expected 2000 once, in order, got " in done.stderr


@long
@pytest.mark.timeout(900)
def test_intake_never_waits_for_readers() -> None:
    """Beside eight readers of figures and pages, posts keep their limits on both databases.

    GITDAILIES_READERS_EVENTS says over how many events. Other tests run at the same time, so that one run of
    three has to show it.
    """
    events = os.environ.get("GITDAILIES_READERS_EVENTS", "20000")
    options = (f"--events={events}", "--small=500", "--questions=2", "--beside=10", "--only")
    asked = "90 days of one repository"
    for _ in range(3):
        done = run("figures", *options, asked)
        assert rows(done) == ["sqlite", asked, "postgresql", asked]
        if "posts beside readers" not in done.stderr:
            break
    assert done.stdout.count("posts beside readers") == 2
    assert "posts beside readers" not in done.stderr


def test_a_ratio_is_that_of_the_median_of_pairs() -> None:
    """What was measured in turns is compared pair by pair, and one disturbed slice changes nothing."""
    assert harness.ratio([2.0, 4.0, 900.0], [1.0, 2.0, 3.0])[0] == 2.0


def test_a_missed_limit_ends_the_run() -> None:
    """A limit that was missed is an error with its sentence, not a number."""
    harness.judged([])
    with pytest.raises(SystemExit, match="expected 300, got 301"):
        harness.judged(["expected 300, got 301"])


def test_what_is_no_checkout_is_named(tmp_path: Path) -> None:
    """A folder without this project is an error of the command line that says which."""
    done = run("side_by_side", tmp_path)
    assert done.returncode == 2
    assert f"other: expected a checkout of this project, got {tmp_path}" in done.stderr
