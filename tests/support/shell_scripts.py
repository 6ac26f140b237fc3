"""The steps that are scripts of shell, found by their folders, each run as its platform runs it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.builders import script
from scripts.builders.launchers.variables import PLAIN
from scripts.platforms import folders
from tests.support.steps import CASES, ROOT, published

KEY = "gdk_planted-7d1c"
TOOLS = ROOT / ".tools"

# The folders of the platforms whose step is a script, by the platform's module.
SCRIPTS = {folder.module: folder for folder in folders(ROOT) if folder.form == "script"}


def name_of(room: str, input_: str) -> str:
    """Return what the platform calls an input: a variable where it has no manifest to name it in."""
    return SCRIPTS[room].platform.names.get(input_, input_)


def mark(room: str, level: str) -> str:
    """Return how the script marks a *level*, warning or error, where it finds no Python."""
    return {**PLAIN, **SCRIPTS[room].launcher}[level]


@cache
def text_of(room: str) -> str:
    """Return the script as the platform's shell gets it."""
    folder = SCRIPTS[room]
    if folder.file:
        return (published(room) / script.SCRIPT).read_text("utf-8")
    [found] = scripts_in_manifest(room)
    return found


def scripts_in_manifest(room: str) -> list[str]:
    """Return the scripts that the platform's manifest holds."""
    manifest = SCRIPTS[room].manifest
    assert manifest
    text = (published(room) / manifest[1]).read_text("utf-8")
    return [
        value
        for document in yaml.load_all(text, yaml.CSafeLoader)
        for value in _texts(document)
        if "GITDAILIES_STEP" in value
    ]


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in _texts(one)]


def case_of(room: str, name: str = "") -> dict[str, Any]:
    """Return a case of the platform, by default that of a branch."""
    name = name or ("multibranch" if room == "jenkins" else "branch")
    case: dict[str, Any] = json.loads((CASES / room / f"{name}.json").read_text("utf-8"))
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
