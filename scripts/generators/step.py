"""The one step file of all CI platforms, and the two scripts that run it from the same folder."""

from collections.abc import Mapping
from pathlib import Path

from scripts import joiner
from scripts.builders.script import launcher_for
from scripts.platforms import folders

LAUNCHER = joiner.STEP.with_name("launch.sh")
FOR_WINDOWS = joiner.STEP.with_name("launch.ps1")


def texts(root: Path) -> Mapping[str, str]:
    """Return the three files."""
    # Octopus has templates of its own: its variables are not in the environment.
    every = [found for found in folders(root) if found.form != "octopus"]
    every.sort(key=lambda found: (found.platform.turn, found.platform.word))
    return {
        str(joiner.STEP): joiner.step(root),
        str(LAUNCHER): launcher_for(root, every, joiner.STEP.name),
        str(FOR_WINDOWS): launcher_for(root, every, joiner.STEP.name, windows=True),
    }
