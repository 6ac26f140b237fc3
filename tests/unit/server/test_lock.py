"""One server per file: who holds the lock, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gitdailies_core.errors import ConfigurationError
from gitdailies_server.storage.sqlite import ServerLock

HOLD = """
import sys, pathlib, gitdailies_server.storage.sqlite as lock
held = lock.ServerLock(pathlib.Path(sys.argv[1]))
held.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_server_is_refused_and_the_first_named(tmp_path: Path) -> None:
    """While a process holds the lock, acquiring says which; after kill -9 the lock is free."""
    path = tmp_path / "data" / "x.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError) as caught:
            ServerLock(path).acquire()
        assert str(caught.value) == (f"{path}.lock: another server uses this file, process id {process.pid}")
        process.send_signal(signal.SIGKILL)
    lock = ServerLock(path)
    lock.acquire()
    assert (path.parent / "x.db.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_release_lets_the_next_one_in_and_may_repeat(tmp_path: Path) -> None:
    """After release the file is empty, and another lock is acquired; a second release does nothing."""
    first, second = ServerLock(tmp_path / "x.db"), ServerLock(tmp_path / "x.db")
    first.acquire()
    with pytest.raises(ConfigurationError):
        second.acquire()
    first.release()
    first.release()
    assert (tmp_path / "x.db.lock").read_text() == ""
    second.acquire()
    second.release()


def test_a_folder_that_cannot_hold_the_lock_is_named(tmp_path: Path) -> None:
    """Where the lock cannot be made, the message names file and reason, without a traceback."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "x.db"

    with pytest.raises(ConfigurationError) as caught:
        ServerLock(path).acquire()
    assert str(caught.value) == f"{path}.lock: cannot create the lock file: file exists"
