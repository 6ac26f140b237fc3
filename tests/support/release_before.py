"""The servers of the release before. Before the first release, they are those of commit 2e8d262d."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

from tests.support.once import made_once

_ROOT = Path(__file__).resolve().parents[2]
_COMMIT = "2e8d262d"


def release_before() -> dict[str, str]:
    """Return variables with which `python -m gitdailies_cli` is its command. Its code is read from git."""

    def make(folder: Path) -> None:
        archive = subprocess.run(
            ["git", "archive", _COMMIT], cwd=_ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")

    folder = made_once(f"release-{_COMMIT}", make)
    rooms = sorted({path.parent.parent for path in folder.glob("*/gitdailies_*/__init__.py")})
    return {"PYTHONPATH": os.pathsep.join(map(str, rooms))}
