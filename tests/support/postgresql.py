"""The PostgreSQL that tests use: the one that is named, else one that is started for this run.

All processes of a run share it. The first that needs it starts it, and the run's end takes it away. Its files
are where pytest has its own: in memory, a commit does not wait for a disk.
"""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.once import RUN, alone, folder_of_run
from tests.support.programs import postgresql_programs
from tests.support.servers import free_port

NAMED = "GITDAILIES_TEST_POSTGRESQL"
# The servers refuse a database that may lose what it answered, so it syncs as any other.
_OPTIONS = ("-c", "max_connections=200")
# PostgreSQL refuses to run as root. Debian's package makes this user for it.
USER = "postgres" if os.geteuid() == 0 else None


def begin_run() -> None:
    """Make the folder that the processes of this run share."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    os.environ[RUN] = tempfile.mkdtemp(prefix="gitdailies-tests-", dir=root)


def end_run() -> None:
    """Stop a started server, and remove its folder."""
    folder = Path(os.environ.pop(RUN))
    programs = postgresql_programs()
    if programs is not None and (folder / "data" / "postmaster.pid").exists():
        subprocess.run(
            [programs / "pg_ctl", "stop", "-D", folder / "data", "-m", "immediate", "-s"],
            user=USER,
            check=False,
            cwd=folder,
        )
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def server() -> str:
    """Return the address of a database from which others can be made; skip the test where none can be had."""
    named = os.environ.get(NAMED)
    if named:
        return named
    programs = postgresql_programs()
    if programs is None:
        pytest.skip(
            f"postgresql: expected a server at ${NAMED}, or initdb to make one, got neither;"
            " `make setup` installs it or says how"
        )
    return _started(programs, folder_of_run())


def initialize(programs: Path, folder: Path, superuser: str) -> None:
    """Make an empty cluster in `folder / "data"` that trusts every connection from this machine."""
    if USER is not None:
        shutil.chown(folder, USER)
    command: list[str | Path] = [programs / "initdb", "-D", folder / "data", "-U", superuser, "-A", "trust"]
    subprocess.run(
        [*command, "-E", "UTF8", "--locale=C", "--no-instructions"],
        user=USER,
        check=True,
        capture_output=True,
        cwd=folder,
    )


def _started(programs: Path, folder: Path) -> str:
    with alone("postgresql"):
        url_file = folder / "url"
        if not url_file.exists():
            initialize(programs, folder, "test")
            port = free_port()
            options = ["-p", str(port), "-k", str(folder), "-h", "127.0.0.1", *_OPTIONS]
            command: list[str | Path] = [programs / "pg_ctl", "start", "-D", folder / "data", "-w", "-s"]
            subprocess.run(
                [*command, "-l", folder / "data" / "log", "-o", " ".join(options)],
                user=USER,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=folder,
            )
            url_file.write_text(f"postgresql://test@127.0.0.1:{port}/postgres")
        return url_file.read_text()
