"""Litestream beside both servers, by the lines of the guide: after kill -9, its copies are whole."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.dora.payloads import body
from tests.support.machine import Process, get
from tests.support.servers import free_port

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "do" / "back-up.md"
COPY, RESTORE = re.findall(
    r"^```shell\n(litestream .*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)
LITESTREAM = str(Path(sysconfig.get_path("scripts")) / "litestream")
# Litestream copies about once a second.
ENOUGH_SECONDS = 5
EVENTS = 200


def here(line: str) -> list[str]:
    """Return a line of the guide with a folder for the bucket."""
    return [LITESTREAM, *line.replace("s3://BUCKET", "file://copies").split()[1:]]


@contextmanager
def copying(folder: Path) -> Iterator[None]:
    """Copy both stores while the block lasts; then kill what copies."""
    with (folder / "litestream.log").open("wb") as log, ExitStack() as processes:
        for line in COPY.splitlines():
            one = subprocess.Popen(here(line), cwd=folder, stdout=log, stderr=log)
            processes.callback(one.wait)
            processes.callback(one.kill)
        yield


def up(folder: Path, name: str) -> tuple[Process, str]:
    port = free_port()
    process = Process(folder, "up", "--dora-port", port, "--relay-port", free_port(), name=name)
    process.wait_for(" events\n")
    return process, f"http://127.0.0.1:{port}"


def send(url: str, key: str, number: int) -> str:
    event = body("deploy", id=f"d-{number}", commitSHA=f"{number:040x}")
    answer = requests.post(f"{url}/webhooks", json=event, headers={"webhook-key": key}, timeout=30)
    assert answer.status_code == 202
    return f"d-{number}"


@pytest.mark.long
def test_copies_of_litestream_bring_a_lost_machine_back(tmp_path: Path) -> None:
    """No event of before the last copy is lost, both stores are whole, and the servers start on them."""
    process, url = up(tmp_path, "first")
    data = tmp_path / "gitdailies-data"
    key, reader = ((data / name).read_text().strip() for name in ("webhook-key", "read-key"))
    with copying(tmp_path):
        copied = {send(url, key, number) for number in range(EVENTS)}
        time.sleep(ENOUGH_SECONDS)
        for number in range(EVENTS, EVENTS + 20):
            send(url, key, number)
        process.stop(signal.SIGKILL)
    for lost in list(data.glob("*.db*")):
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()

    for line in RESTORE.splitlines():
        restored = subprocess.run(here(line), cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert restored.returncode == 0, restored.stderr
    for name in ("relay.db", "dora.db"):
        with closing(sqlite3.connect(data / name)) as store:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    process, url = up(tmp_path, "second")
    try:
        found = {event["id"] for event in get(f"{url}/api/events", reader)["events"]}
    finally:
        process.stop()
    assert copied <= found
