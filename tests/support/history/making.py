"""Histories of any size: rows in random order, the same for the same seed."""

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

COLUMNS = ("kind", "repo", "commitSHA", "environment", "branch", "time", "incidentId", "source", "service")
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
SECONDS = 365 * 86400


def rows(count: int, seed: int = 7) -> Iterator[dict[str, str]]:
    """Make *count* rows: seven deploys in ten, the others starts and ends; some share an instant."""
    made = random.Random(seed)
    # Every fifth second only, so that many events share one.
    seconds = [made.randrange(SECONDS // 5) * 5 for _ in range(count)]
    incidents = count * 3 // 20
    for number in range(count - 2 * incidents):
        yield {
            "kind": "deployed",
            "repo": f"larkspur/repo-{number % 50}",
            "commitSHA": f"{made.getrandbits(160):040x}",
            "environment": "production",
            "branch": "main",
            "time": text(seconds[number]),
        }
    for number in range(incidents):
        incident = {
            "repo": f"larkspur/repo-{number % 50}",
            "environment": "production",
            "incidentId": f"INC-{number}",
            "source": "pagerduty",
        }
        began = seconds[-number - 1]
        yield {"kind": "incidentStarted", **incident, "time": text(began)}
        # Some are over at the instant they began.
        yield {"kind": "incidentResolved", **incident, "time": text(began + made.randrange(3) * 1800)}


def text(seconds: int) -> str:
    return (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def shuffled(path: Path, count: int, seed: int = 7) -> Path:
    """Write a CSV file of *count* rows in random order."""
    made = list(rows(count, seed))
    random.Random(seed).shuffle(made)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(made)
    return path
