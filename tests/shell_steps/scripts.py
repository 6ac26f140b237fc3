"""The steps that are scripts of shell, found by their generator, each run as its platform runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.generated_scripts import SCRIPTS
from tests.steps import CASES, ROOT

KEY = "gdk_planted-7d1c"
TOOLS = ROOT / ".tools"

# Where the cases of a room's platform are.
PLATFORMS = {
    room: room.removesuffix("-component")
    .removesuffix("-plugin")
    .removesuffix("-pipelines")
    .removesuffix("-ci")
    for room in SCRIPTS
}


def name_of(room: str, input_: str) -> str:
    """Return what the room's platform calls an input: a variable where it has no manifest to name it in."""
    if room in ("bitbucket-pipelines", "jenkins", "travis-ci"):
        return "GITDAILIES_" + input_.upper().replace("-", "_")
    first, *more = input_.split("-")
    return first + "".join(map(str.title, more)) if room == "azure-pipelines" else input_


def text_of(room: str) -> str:
    """Return the script as the platform's shell gets it."""
    if file := SCRIPTS[room].file:
        return (ROOT / room / file).read_text("utf-8")
    assert SCRIPTS[room].manifest
    manifest = yaml.safe_load((ROOT / room / SCRIPTS[room].manifest[1]).read_text("utf-8"))
    return str(manifest["steps"][0]["bash"])


def python_of(script: str) -> str:
    """Return the Python in a script."""
    found = re.search(r"<<'GITDAILIES_STEP'\n(.*)\nGITDAILIES_STEP\n", script, re.DOTALL)
    assert found
    return found[1]


def case_of(room: str, name: str = "") -> dict[str, Any]:
    """Return a case of the room's platform, by default that of a branch."""
    name = name or ("multibranch" if room == "jenkins" else "branch")
    case: dict[str, Any] = json.loads((CASES / PLATFORMS[room] / f"{name}.json").read_text("utf-8"))
    return case


def programs(folder: Path, python: str | None) -> str:
    """Make a PATH with *python* as python3, or with none, and git."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    for name, target in {"python3": python, "git": shutil.which("git")}.items():
        if target and not (bin_ / name).exists():
            (bin_ / name).write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
            (bin_ / name).chmod(0o755)
    return str(bin_)


def run(
    room: str,
    folder: Path,
    *,
    environ: Mapping[str, str],
    python: str | None,
    shell: str = "/bin/sh",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the room's script in *folder*, with nothing of this process around it."""
    file = folder / "script.sh"
    file.write_text(text_of(room), "utf-8")
    return subprocess.run(
        [shell, file],
        cwd=cwd or folder,
        env={"PATH": programs(folder, python), "HOME": str(folder), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def tool(name: str, folder: Path = TOOLS / "node_modules" / ".bin") -> str:
    """Return the program of a runner that `make setup` puts into .tools; a test without it is skipped.

    With CI=true a skipped test fails.
    """
    program = folder / name
    if not program.exists():
        pytest.skip(
            f"{name}: expected it at {program.relative_to(ROOT)}, got none;"
            " `make setup` installs it or says how"
        )
    return str(program)


def repository(folder: Path, remote: str = "https://git.example.com/larkspur/checkout-api.git") -> str:
    """Make a repository with two commits on main; return the newer one's name."""
    folder.mkdir(exist_ok=True)
    who = ["-c", "user.name=Robin", "-c", "user.email=robin@example.com"]
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", remote],
        ["add", "."],
        [*who, "commit", "-q", "--allow-empty", "-m", "first"],
        [*who, "commit", "-q", "--allow-empty", "-m", "second"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, "HOME": str(folder)})
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
