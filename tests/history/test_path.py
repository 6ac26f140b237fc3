"""The documented way of a new user, typed as it stands, beside `gitdailies up`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.machine import Process, environment, free_port

PAGE = Path(__file__).resolve().parents[2] / "docs/history.md"
BLOCK = re.compile(r"(?:^`([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_documented_way_ends_with_the_year_in_the_receiver(tmp_path: Path) -> None:
    """Each file of the page is written, each command typed, and the events come back deploys first."""
    port = free_port()
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/gitdailies"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m gitdailies_cli "$@"\n')
    script.chmod(0o755)
    path = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    up = Process(tmp_path, "up", "--webhooks-port", port, "--relay-port", free_port(), name="up")
    printed: dict[str, str] = {}
    try:
        up.wait_for("/api/events\n")
        for name, language, text in BLOCK.findall(PAGE.read_text("utf-8")):
            if name:
                (tmp_path / name).write_text(text, "utf-8")
            elif language == "bash":
                for line in text.replace(":8700/", f":{port}/").splitlines():
                    ran = subprocess.run(
                        ["sh", "-c", f"GITDAILIES_WEBHOOK_URL=http://127.0.0.1:{port}/webhooks {line}"]
                        if "import" in line
                        else ["sh", "-c", line],
                        cwd=tmp_path,
                        env=environment(path)
                        | {"GITDAILIES_WEBHOOK_KEY": (tmp_path / "gitdailies-data/webhook-key").read_text()},
                        capture_output=True,
                        text=True,
                        timeout=60,
                    )
                    assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
                    printed[line] = ran.stdout
    finally:
        up.stop()

    (asked,) = [line for line in printed if line.startswith("curl")]
    events = [(event["kind"], event["time"]) for event in json.loads(printed[asked])["events"]]
    assert events == [
        ("deployed", "2025-02-17T14:20:00Z"),
        ("deployed", "2025-11-03T08:55:12Z"),
        ("incidentStarted", "2025-11-03T09:12:41Z"),
        ("incidentResolved", "2025-11-03T10:02:18Z"),
    ]
    assert "sent       3\n" in printed["gitdailies history import incidents.csv --mapping pagerduty.yml"]
    dry = printed["gitdailies history import history.csv --dry-run"]
    assert re.search(r"2025-11 +1 +1 +1", dry)
