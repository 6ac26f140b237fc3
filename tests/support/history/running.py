"""The command in a process of its own, and a receiver of ours in another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.dora.running import Receiver

KIB_IN_MIB = 1024
# From /proc, since getrusage includes the memory of the process that started this one.
_MEASURED = (
    "import re, runpy, sys\n"
    "def peak(): return re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]\n"
    "try: runpy.run_module('gitdailies_cli', run_name='__main__', alter_sys=True)\n"
    "finally: print('peak', peak(), file=sys.stderr)"
)


@dataclass
class Ran:
    """What a run printed, its exit code, and the most memory that it had."""

    code: int
    out: str
    err: str
    peak_mib: float

    @property
    def counts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Importer:
    """Runs `gitdailies history import` in a folder, with address and key in its environment."""

    folder: Path
    receiver: Receiver
    key: str

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "GITDAILIES_WEBHOOK_URL": self.receiver.url + "/webhooks",
            "GITDAILIES_WEBHOOK_KEY": self.key,
        }

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _MEASURED, "history", "import", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def run(self, *arguments: str, seconds: float = 250, stdin: str | None = None) -> Ran:
        process = self.start(*arguments, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        out, err = process.communicate(stdin, timeout=seconds)
        printed, _, peak = err.rpartition("peak ")
        return Ran(process.returncode, out, printed, int(peak or 0) / KIB_IN_MIB)


def in_order(events: Iterable[dict[str, Any]]) -> bool:
    """Whether deploys come first, each half oldest to newest, and no end before its start."""
    last = (False, "")
    started: set[str] = set()
    for event in events:
        here = (event["kind"] != "deployed", event["time"])
        if here < last:
            return False
        last = here
        if event["kind"] == "incidentStarted":
            started.add(event["incidentId"])
        elif event["kind"] == "incidentResolved" and event["incidentId"] not in started:
            return False
    return True
