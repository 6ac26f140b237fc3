"""A pgbouncer in front of a PostgreSQL, as a test needs it."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.support.postgresql import USER
from tests.support.processes import eventually
from tests.support.programs import program
from tests.support.servers import free_port

_CONFIG = Path(__file__).with_suffix(".ini").read_text()


@contextmanager
def pooled(url: str, mode: str, size: int = 6) -> Iterator[str]:
    """Yield the address of a database behind a pooler, with *size* connections of its own to it."""
    found, listen = urlsplit(url), free_port()
    # A folder next to pytest's ones, since only the owner can open the parents of those.
    folder = Path(tempfile.mkdtemp(prefix="gitdailies-pgbouncer-"))
    values = {"host": found.hostname, "port": found.port or 5432, "listen": listen, "folder": folder}
    (folder / "users").write_text(f'"{found.username}" ""\n')
    (folder / "ini").write_text(_CONFIG.format(**values, mode=mode, size=size))
    if USER is not None:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, USER)
    address = f"postgresql://{found.username}@127.0.0.1:{listen}{found.path}"
    with (folder / "log").open("wb") as log:
        bouncer = subprocess.Popen(
            [program("pgbouncer"), folder / "ini"], user=USER, stdout=log, stderr=log, cwd=folder
        )
    try:
        assert eventually(lambda: _answers(address)), (folder / "log").read_text()
        yield address
    finally:
        bouncer.terminate()
        bouncer.wait(30)
        shutil.rmtree(folder)


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
