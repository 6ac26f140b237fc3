"""Programs of this machine that tests start. A test without its program is skipped, or fails with CI=true."""

import os
import shutil
from pathlib import Path

import pytest

# Where servers are that no ordinary user starts.
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))


def program(name: str) -> str:
    """Return the path of a program; skip the test, with the program's name, where there is none."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name}: expected it on this machine, got none; `make setup` installs it or says how")
    return found


def postgresql_programs() -> Path | None:
    """Return the folder of PostgreSQL's own programs, the newest where there are several."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb", path=PATH)
    return Path(found).resolve().parent if found else None
