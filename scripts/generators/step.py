"""The one step file of all CI platforms, and the two scripts that run it from the same folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.builders.script import launcher_for
from scripts.joiner import one_file
from scripts.platforms import folders

LAUNCHER = one_file.STEP.with_name("launch.sh")
FOR_WINDOWS = one_file.STEP.with_name("launch.ps1")


def texts(root: Path) -> Mapping[str, str]:
    """Return the three files."""
    # Octopus has templates of its own: its variables are not in the environment.
    every = [found for found in folders(root) if found.form != "octopus"]
    every.sort(key=lambda found: (found.platform.turn, found.platform.word))
    return {
        str(one_file.STEP): one_file.step(root),
        str(LAUNCHER): launcher_for(root, every, one_file.STEP.name),
        str(FOR_WINDOWS): launcher_for(root, every, one_file.STEP.name, windows=True),
    }
