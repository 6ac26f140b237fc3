"""The one step file of all CI platforms, and the shell script that runs it from the same folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.builders.script import launcher_for
from scripts.joiner import one_file

LAUNCHER = one_file.STEP.with_name("launch.sh")


def texts(root: Path) -> Mapping[str, str]:
    """Return both files."""
    return {str(one_file.STEP): one_file.step(root), str(LAUNCHER): launcher_for(root, one_file.STEP.name)}
