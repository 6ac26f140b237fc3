"""A PostgreSQL server for one test, which the test may stop and kill."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.support.postgresql import USER, initialize
from tests.support.processes import eventually
from tests.support.programs import postgresql_programs
from tests.support.servers import free_port


@dataclass
class Cluster:
    """A server on a free port with one database, `relay`."""

    programs: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://relay@127.0.0.1:{self.port}/relay"

    def start(self, seconds: float = 60.0) -> None:
        """Start it, again where the one before it is not wholly gone yet, and wait until it answers."""

        def answers() -> bool:
            if self.process is None or self.process.poll() is not None:
                self.process = self._started()
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url, dbname="postgres", connect_timeout=2).close()
                return True
            return False

        eventually(answers, seconds)

    def stop(self) -> None:
        """End it as an administrator does: sessions are cut, what is committed is written."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def kill(self) -> None:
        """End it as the kernel does when memory is out: all its processes at once, with SIGKILL."""
        assert self.process is not None
        kill_with_children(self.process.pid)
        self.process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [
                    *(self.programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)),
                    *("-k", self.folder, "-h", "127.0.0.1"),
                ],
                user=USER,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a cluster in a temporary folder, run it, and take all of it away after the block."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("initdb: expected it on this machine, got none; `make setup` installs it or says how")
    # A folder next to pytest's ones, since only the owner can open the parents of those.
    folder = Path(tempfile.mkdtemp(prefix="gitdailies-postgresql-"))
    made = Cluster(programs, folder, free_port())
    try:
        initialize(programs, folder, "relay")
        made.start()
        with psycopg.connect(made.url, dbname="postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE relay")
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()
        shutil.rmtree(folder, ignore_errors=True)


def kill_with_children(process: int) -> None:
    """End PostgreSQL's first process, stopped first, so that it starts no other, and all that it started."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for one in (*map(int, children), process):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
