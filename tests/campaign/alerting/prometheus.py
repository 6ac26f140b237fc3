"""A real Prometheus that reads the servers of a test each second, with the real rules at shorter times."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml

from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.servers import free_port

RULES = Path(__file__).resolve().parents[3] / "deployment/alerts.yml"
# Nothing waits longer than this.
MOST_SECONDS = 15


class Pace(NamedTuple):
    """By how much a `for`, a window and a threshold of age are shorter, and how often metrics are read.

    A scrape that takes longer than its interval is none.
    """

    faster: int
    interval: str


# A minute of the rules is a second here.
PACE = Pace(60, "1s")
SHORTENED = (
    "Each minute of a `for`, of a window and of a threshold of age is a second here, three seconds where "
    f"commits are slow, and no `for` is longer than {MOST_SECONDS} seconds. Metrics are read each second, or "
    "every three. Thresholds of a commit, an answer and a clock are the real ones."
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGES = ("oldest_undelivered_seconds", "figures_behind_seconds")


def shortened(rules: str, faster: int) -> str:
    """Return the rules with shorter times."""
    document = yaml.safe_load(rules)
    for group in document["groups"]:
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = f"{max(1, min(_seconds(rule['for']) // faster, MOST_SECONDS))}s"
            rule["expr"] = re.sub(
                r"\[(\d+[smhd])\]", lambda found: f"[{_seconds(found[1]) // faster}s]", rule["expr"]
            )
            if any(age in rule["expr"] for age in _AGES):
                rule["expr"] = re.sub(r"> (\d+)$", lambda found: f"> {int(found[1]) // faster}", rule["expr"])
    return yaml.safe_dump(document)


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]


@dataclass
class Prometheus:
    """Where it answers, and the file of its targets."""

    url: str
    targets: Path

    def watch(self, **jobs: str) -> None:
        """Read the metrics of these addresses from now on, each as a job of that name."""
        new = self.targets.with_suffix(".new")
        groups = [{"targets": [address], "labels": {"job": job}} for job, address in jobs.items()]
        new.write_text(json.dumps(groups))
        new.replace(self.targets)

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = self.ask("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def ask(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=20)
        found: dict[str, Any] = answer.json()["data"]
        return found

    def knows(self, *servers: str) -> bool:
        """Return whether it has read each server a few times."""
        counts = (f"count_over_time(gitdailies_{one}_build_info[1m]) > 3" for one in servers)
        return all(self.ask("query", query=count)["result"] for count in counts)

    def until(self, alerts: frozenset[str], began: float, seconds: float) -> Mapping[str, float]:
        """Wait until all *alerts* fire, at most so long; return how long after *began* each alert fired."""
        fired = dict[str, float]()
        while time.monotonic() < began + seconds and not alerts <= fired.keys():
            for name in self.firing():
                fired.setdefault(name, time.monotonic() - began)
            time.sleep(0.25)
        return fired


@contextmanager
def prometheus(folder: Path, pace: Pace) -> Iterator[Prometheus]:
    """Run it as long as the block lasts."""
    (folder / "alerts.yml").write_text(shortened(RULES.read_text(), pace.faster))
    targets = folder / "targets.json"
    targets.write_text("[]")
    times = dict.fromkeys(("scrape_interval", "scrape_timeout"), pace.interval) | {
        "evaluation_interval": "1s"
    }
    reading = {"files": [str(targets)], "refresh_interval": "1s"}
    settings = {
        "global": times,
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "servers", "file_sd_configs": [reading]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program("prometheus"), f"--config.file={folder / 'prometheus.yml'}"),
                *(f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}"),
            ],
            stdout=log,
            stderr=log,
        )
    running = Prometheus(f"http://127.0.0.1:{port}", targets)

    def ready() -> bool:
        with suppress(requests.ConnectionError):
            return requests.get(f"{running.url}/-/ready", timeout=5).ok
        return False

    try:
        eventually(ready)
        yield running
    finally:
        process.kill()
        process.wait()
