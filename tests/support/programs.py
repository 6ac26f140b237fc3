"""Programs of this machine that tests start. A test without its program is skipped, or fails with CI=true."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
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


def planted(path: Path, text: str) -> Path:
    """Write a program, which begins with its interpreter, into a folder that is made; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)
    return path


def ran(
    command: Sequence[str | Path],
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    given: str | None = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program in *folder* with *environ* alone, or this process'; return its code and output."""
    return subprocess.run(
        command, cwd=folder, env=environ, input=given, capture_output=True, text=True, timeout=120
    )
