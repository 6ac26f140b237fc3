"""A whole release of this tree by the made-up owner, built once for all tests of a run."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.releasing import changelog, project
from tests.rooms.test_house import TRACKED
from tests.support.releasing.owner import OWNER, ROOT, VERSION, owned

# The commit's time, in seconds since 1970.
MOMENT = 1_790_000_000


def repository(folder: Path) -> Path:
    """Make a repository of this tree as it is, with one commit. The owner has set names and version."""
    for name in TRACKED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name, change in (
        (project.FILE, owned),
        ("pyproject.toml", lambda text: text.replace('\nversion = "0.1.0"\n', f'\nversion = "{VERSION}"\n')),
        (changelog.FILE, lambda text: text.replace("## Unreleased: 0.1.0", f"## Unreleased: {VERSION}")),
    ):
        file = folder / name
        text = change(before := file.read_text("utf-8"))
        assert text != before
        file.write_text(text, "utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "The names of an owner")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder*, always as the same person at the same moment."""
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _ROBIN.items()}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **who},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


_ROBIN = {"NAME": "Robin", "EMAIL": "robin@example.com", "DATE": f"{MOMENT} +0000"}


def release(
    folder: Path, version: str = VERSION, *, offline: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run what `make release` runs in the repository *folder*, if possible without a network."""
    command = [sys.executable, "scripts/release.py", version]
    unshare = shutil.which("unshare")
    if offline and unshare and subprocess.run([unshare, "-n", "true"], capture_output=True).returncode == 0:
        command = [unshare, "-n", *command]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1200)


def released(factory: pytest.TempPathFactory) -> Path:
    """Return the `dist/` of the release. The workers of a run share it; the repository is moved away."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "release"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            folder = repository(base / f"of {OWNER}")
            done = release(folder)
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "dist").rename(shared)
            folder.rename(base / "moved away")
    return shared
