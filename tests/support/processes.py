"""The command line: servers on free ports as processes with their output in a file, and commands."""

import gc
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from click.testing import CliRunner
from gitdailies_cli.main import main

Value = TypeVar("Value")
_COMMAND = (sys.executable, "-m", "gitdailies_cli")
# Commands that set up the log of their process, unless a verb follows.
_WITH_LOG = ("relay", "up", "dora", "migrate")
# What a shell does not take as it is typed.
_OF_SHELLS = set("|&;<>()$`~*?[{!")
_START_SECONDS = 60.0


@dataclass
class Server:
    """A running server: where it listens, and a file of all that it printed."""

    address: str
    process: subprocess.Popen[bytes]
    output: Path

    def entries(self, event: str = "") -> list[dict[str, Any]]:
        """Return what it logged, or only entries of one kind."""
        lines = self.output.read_text(errors="replace").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if not event or entry["event"] == event]

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 30.0) -> int:
        """Ask it to end, as a supervisor does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


def start(*arguments: str, folder: Path, environ: Mapping[str, str] | None = None, name: str = "") -> Server:
    """Start a server and wait until it says where it listens."""
    output = folder / f"{name or arguments[0]}.log"
    with output.open("ab") as file:
        begin = file.tell()
        process = subprocess.Popen(
            [*_COMMAND, *arguments],
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )

    def address() -> str:
        printed = output.read_bytes()[begin:].decode(errors="replace")
        if process.poll() is not None:
            raise AssertionError(f"{arguments[0]} ended with {process.returncode}: {printed}")
        found = re.search(r"listens? on (http://\S+?)/(?:hooks/NAME|webhooks)\n", printed)
        return found[1] if found else ""

    try:
        return Server(eventually(address, _START_SECONDS), process, output)
    except BaseException:
        process.kill()
        process.wait()
        raise


@contextmanager
def running(
    *arguments: str, folder: Path, environ: Mapping[str, str] | None = None, name: str = ""
) -> Iterator[Server]:
    """Run a server as long as the block lasts."""
    server = start(*arguments, folder=folder, environ=environ, name=name)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
        try:
            server.process.wait(20)
        finally:
            server.kill()


def run(
    *arguments: str,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    expected: int = 0,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which must be the *expected* exit code; *given* is its standard input."""
    done = ended(*arguments, folder=folder, environ={**os.environ, **(environ or {})}, given=given)
    assert done.returncode == expected, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def ended(
    *arguments: str, folder: Path, environ: Mapping[str, str], given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with *environ* alone.

    It runs in this process, since one of its own takes ten times as long. What sets up the log has its own,
    as the loggers of this one hold on to theirs, and so has what finds other code on its path.
    """
    logs = arguments[0] in _WITH_LOG and (len(arguments) == 1 or arguments[1].startswith("-"))
    if logs or environ.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        return subprocess.run(
            [*_COMMAND, *arguments], cwd=folder, env=environ, input=given, capture_output=True, text=True
        )
    thresholds = gc.get_threshold()
    with (
        chdir(folder),
        patch.dict(os.environ, environ, clear=True),
        CliRunner().isolation(given) as (out, error, _),
    ):
        try:
            main(list(arguments))
        except SystemExit as end:
            code = end.code
        finally:
            gc.set_threshold(*thresholds)
            sys.stdout.flush()
            sys.stderr.flush()
    printed = (stream.getvalue().decode() for stream in (out, error))
    return subprocess.CompletedProcess(arguments, int(code or 0), *printed)


def typed(line: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of the documentation, in a shell if it is more than one command of ours."""
    called, *arguments = shlex.split(line, comments=True)
    if called == "gitdailies" and not _OF_SHELLS & set(line):
        return ended(*arguments, folder=folder, environ=environ)
    return subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environ, capture_output=True, text=True, timeout=60
    )


def eventually(check: Callable[[], Value], seconds: float = 60.0) -> Value:
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"expected within {seconds:g} s, got {found!r}"
        time.sleep(0.02)
